/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TEST_DNS_MESSAGES_H
#define PODSG_TEST_DNS_MESSAGES_H

/*
 * DNS messages as lines of text and back, by code that shares none with what is tested: names are
 * written whole, and read wherever pointers lead. What can't be written or read fails the test.
 *
 *   header 4660 qr aa tc rd ra ad cd opcode=4 rcode=3     all but the id may be left out
 *   question www.example. A [CLASS]
 *   answer www.example. 300 A 10.0.0.1                    authority, additional likewise
 *   answer www.example. 300 TYPE65280 0a0b0c              any other type: hex, "-" is nothing
 *   opt 1232 do version=1 high=1 cookie=HEX keepalive=100 ede=18:text option=3:HEX
 *   hex 0102                                              bytes behind the rest, not counted
 *
 * The data of A AAAA CNAME NS PTR DNAME MX SRV SOA TXT RRSIG NSEC DS HTTPS NAPTR is written as in
 * master files, a string without quotes, signatures and bit maps in hex, times as numbers. high:
 * the rcode's upper bits. Text in ede has no spaces.
 */

#include <stddef.h>
#include <stdint.h>

#define MESSAGE_MAX 65535
#define MESSAGE_TEXT_MAX (1 << 20)

/* Returns the size. */
size_t message_write(const char *text, uint8_t ret[static MESSAGE_MAX]);
/* An exact copy on the heap, so that the sanitizer sees who reads behind it. */
uint8_t *message_new(const char *text, size_t *size);

/* Lines as above, in the message's order, "\n" behind each. Returns a buffer that the next call
 * fills again. */
const char *message_text(const uint8_t *message, size_t size);

#endif
