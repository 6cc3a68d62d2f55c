/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What any program costs that is started at all. */
int main(void)
{
	return 0;
}
