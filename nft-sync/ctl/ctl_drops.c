/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/ctl_drops.h"

#define CELL_MAX 512
#define WIDTH_MAX 60 /* a cell that is wider moves the rest of its line only */
#define SCREEN_LINES 24

enum column { TIME, POD, DIRECTION, PEER, WHAT, REASON };

static const struct {
	const char *title;
	int width;
} columns[DROPS_COLUMNS] = {{"TIME (UTC)", 12}, {"POD", 24},  {"DIRECTION", 9},
                            {"PEER", 32},       {"WHAT", 14}, {"REASON", 11}};

typedef char row_cells[DROPS_COLUMNS][CELL_MAX];

/* Of "2026-03-02T09:15:04.123Z". Local time would not compare with the lines of other nodes. */
static void time_cell(const cJSON *event, char cell[CELL_MAX])
{
	const char *time = strchr(text_of(event, "time"), 'T');
	snprintf(cell, CELL_MAX, "%.12s", time ? time + 1 : "");
}

/* "10.0.2.9 ns/name", or the groups that it belongs to, or its ENI. */
static void peer_cell(const cJSON *event, char cell[CELL_MAX])
{
	const cJSON *peer = part(event, "peer");
	const cJSON *groups = part(peer, "groups");
	const cJSON *group = cJSON_GetArrayItem(groups, 0);
	int others = cJSON_GetArraySize(groups) - 1;
	const char *who = text_of(peer, "pod");
	if (!who[0])
		who = text_of(peer, "node");
	if (!who[0])
		who = text_of(group, text_of(group, "name")[0] ? "name" : "id");
	if (!who[0])
		who = text_of(peer, "eni");
	if (!text_of(peer, "pod")[0] && !text_of(peer, "node")[0] && others > 0)
		snprintf(cell, CELL_MAX, "%s %s +%d", text_of(peer, "address"), who, others);
	else
		snprintf(cell, CELL_MAX, "%s%s%s", text_of(peer, "address"), who[0] ? " " : "",
		         who);
}

static void what_cell(const cJSON *event, char cell[CELL_MAX])
{
	snprintf(cell, CELL_MAX, "%s%s%s", text_of(event, "what"),
	         is_true(event, "fragment") ? " fragment" : "",
	         is_true(event, "answer") ? " answer" : "");
}

static void fill(const cJSON *event, row_cells cells)
{
	const char *pod = text_of(event, "pod");
	time_cell(event, cells[TIME]);
	snprintf(cells[POD], CELL_MAX, "%s", pod[0] ? pod : text_of(event, "interface"));
	snprintf(cells[DIRECTION], CELL_MAX, "%s", text_of(event, "direction"));
	peer_cell(event, cells[PEER]);
	what_cell(event, cells[WHAT]);
	snprintf(cells[REASON], CELL_MAX, "%s", text_of(event, "reason"));
}

static int width_of(struct drops_view *view, enum column column, const char *cell)
{
	int length = (int)strlen(cell);
	int *width = &view->widths[column];
	if (*width < columns[column].width)
		*width = columns[column].width;
	if (*width < length)
		*width = length < WIDTH_MAX ? length : WIDTH_MAX;
	return *width;
}

static void print_header(struct drops_view *view)
{
	fputs(colour(COLOUR_DIM), stdout);
	for (enum column i = TIME; i < DROPS_COLUMNS; i++)
		printf("%-*s  ", width_of(view, i, ""), columns[i].title);
	printf("NEAREST RULE%s\n", colour(COLOUR_OFF));
}

/* Once, and on a terminal once a screen. */
static void header(struct drops_view *view)
{
	struct winsize screen;
	unsigned lines = SCREEN_LINES;
	if (view->lines > 0 && !isatty(STDOUT_FILENO))
		return;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &screen) == 0 && screen.ws_row > 2)
		lines = screen.ws_row - 1U;
	if (view->lines > 0 && view->lines < lines)
		return;
	print_header(view);
	view->lines = 1;
}

static void show_drop(struct drops_view *view, const cJSON *event)
{
	row_cells cells;
	fill(event, cells);
	for (enum column i = TIME; i < DROPS_COLUMNS; i++)
		(void)width_of(view, i, cells[i]);
	header(view);
	for (enum column i = TIME; i < DROPS_COLUMNS; i++)
		printf("%s%-*s%s  ", i == REASON ? colour(COLOUR_BAD) : "",
		       width_of(view, i, cells[i]), cells[i],
		       i == REASON ? colour(COLOUR_OFF) : "");
	puts(text_of(event, "text"));
}

static void show_missed(const cJSON *event)
{
	static const struct {
		const char *key;
		const char *before;
		const char *behind;
	} kinds[] = {
		{"more", "at least ", "more dropped, which the kernel counted but did not log"},
		{"lost", "", "messages lost, the daemon was busy"},
		{"slow", "", "lines lost, their reader was slow"},
	};
	char time[CELL_MAX];
	time_cell(event, time);
	printf("%s%-*s", colour(COLOUR_DIM), columns[TIME].width, time);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (number_of(event, kinds[i].key) > 0)
			printf("  ... %s%.0f %s", kinds[i].before, number_of(event, kinds[i].key),
			       kinds[i].behind);
	puts(colour(COLOUR_OFF));
}

void drops_show(struct drops_view *view, const cJSON *event, bool drop)
{
	char *text = view->json ? cJSON_PrintUnformatted(event) : NULL;
	if (text)
		puts(text);
	else if (drop)
		show_drop(view, event);
	else
		show_missed(event);
	cJSON_free(text);
	view->lines++;
	fflush(stdout);
}
