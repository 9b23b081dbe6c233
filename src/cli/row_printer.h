#pragma once
// Row printer: rows of the journal as a verb writes them. On a terminal there is colour, and
// what was found is marked; NO_COLOR and whatever is no terminal get plain text. Nothing in a
// text plays with the terminal or breaks a line.
//
// Threads: main thread.
// Memory:  the printer borrows its stream.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "journal/row.h"
#include "transcript/transcript_writer.h"
#include "util/cleanup.h"

struct row_printer;

// `zero` is the wall clock (Unix ms) at 0:00 of subtitles; 0: where the first row starts.
struct row_printer *row_printer_new(FILE *stream, enum transcript_format format, int64_t zero);

// NULL is fine. Returns NULL.
struct row_printer *row_printer_free(struct row_printer *printer);

// Rows in the order of time; subtitles are of segments only. `marked` may be NULL (query.h).
void row_printer_print(struct row_printer *printer, const struct row *row, const char *marked);

// Hand on what was printed. False once something could not be written: what follows would be
// in vain.
bool row_printer_flush(struct row_printer *printer);

DEFINE_CLEANUP(struct row_printer *, row_printer_free);
