#include "cli/row_printer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/row_json.h"
#include "journal/subtitles.h"
#include "util/line_text.h"
#include "util/mem.h"

// What query.h marks with.
#define MARK_BEGIN '\x01'
#define MARK_END   '\x02'

struct row_printer {
        FILE *stream;
        enum transcript_format format;
        bool is_terminal, has_colour;
        struct subtitles *subtitles;  // NULL in other formats
};

// Escape sequences (ECMA-48), each ended by `plain`.
static const char dim[] = "\x1b[2m", cyan[] = "\x1b[36m", red[] = "\x1b[31m",
                  found[] = "\x1b[1;33m", plain[] = "\x1b[0m";

static bool colour_is_wanted(bool is_terminal) {
        // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread
        const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
        // NOLINTEND(concurrency-mt-unsafe)

        return is_terminal && !(no_color && no_color[0]) && terminal &&
               strcmp(terminal, "dumb") != 0;
}

struct row_printer *row_printer_new(FILE *stream, enum transcript_format format, int64_t zero) {
        struct row_printer *printer = xnew(struct row_printer);

        printer->stream = stream;
        printer->format = format;
        printer->is_terminal = isatty(fileno(stream));
        printer->has_colour = colour_is_wanted(printer->is_terminal);
        if (format == TRANSCRIPT_SRT || format == TRANSCRIPT_VTT)
                printer->subtitles = subtitles_new(stream, format, zero);
        return printer;
}

struct row_printer *row_printer_free(struct row_printer *printer) {
        if (!printer)
                return NULL;
        subtitles_free(printer->subtitles);
        return mem_free(printer);
}

bool row_printer_flush(struct row_printer *printer) {
        return fflush(printer->stream) == 0 && !ferror(printer->stream);
}

// --- lines -----------------------------------------------------------------------------------

static void colour_set(const struct row_printer *printer, const char *colour) {
        if (printer->has_colour)
                fputs(colour, printer->stream);
}

static void text_print(const struct row_printer *printer, const char *colour,
                       const char *text) {
        CLEANUP(mem_freep) char *line = line_text_copy(text ? text : "");

        colour_set(printer, colour);
        fputs(line, printer->stream);
        colour_set(printer, plain);
}

// Marks become colours; where there are none they are left out. Between two marks there are
// whole characters.
static void marked_print(const struct row_printer *printer, const char *marked) {
        size_t size = 3 * strlen(marked) + 1;
        CLEANUP(mem_freep) char *line = xcalloc(size, 1);

        while (*marked) {
                static const char marks[] = {MARK_BEGIN, MARK_END, '\0'};
                size_t n = strcspn(marked, marks);

                line_text_write(line, size, marked, n);
                fputs(line, printer->stream);
                marked += n;
                if (*marked)
                        colour_set(printer, *marked++ == MARK_BEGIN ? found : plain);
        }
        colour_set(printer, plain);
}

static void time_print(const struct row_printer *printer, int64_t ms) {
        time_t seconds = (time_t)(ms / 1000);
        struct tm local;
        char text[64] = "";

        if (localtime_r(&seconds, &local))
                strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
        text_print(printer, dim, text);
}

static void alert_print(const struct row_printer *printer, const struct row *row) {
        static const char *const phases[] = {[ROW_FIRED] = "",
                                             [ROW_CONFIRMED] = " confirmed",
                                             [ROW_WITHDRAWN] = " withdrawn"};
        CLEANUP(mem_freep)
        char *words =
                xasprintf("[alert %s%s]", row->alert ? row->alert : "", phases[row->phase]);

        text_print(printer, red, words);
        fputc(' ', printer->stream);
}

// "2026-11-30 12:00:00 kitchen: the text"
static void line_print(const struct row_printer *printer, const struct row *row,
                       const char *marked) {
        FILE *stream = printer->stream;

        time_print(printer, row->start);
        fputc(' ', stream);
        text_print(printer, cyan, row->stream ? row->stream : "*");
        fputs(": ", stream);
        switch (row->kind) {
        case ROW_ALERT:
                alert_print(printer, row);
                break;
        case ROW_STATUS:
                text_print(printer, dim, row->state);
                fputs(row->reason && row->reason[0] ? ": " : "", stream);
                text_print(printer, dim, row->reason);
                break;
        case ROW_FORGOTTEN:
                text_print(printer, dim, "text was removed");
                break;
        default:
                break;
        }
        if (marked)
                marked_print(printer, marked);
        else
                text_print(printer, "", row->text);
        fputc('\n', stream);
}

// JSON escapes only the first control characters: a terminal takes more for orders.
static void json_print(const struct row_printer *printer, const struct row *row,
                       const char *marked) {
        CLEANUP(mem_freep) char *json = row_json(row, marked);
        CLEANUP(mem_freep) char *line = printer->is_terminal ? line_text_copy(json) : NULL;

        fputs(line ? line : json, printer->stream);
        fputc('\n', printer->stream);
}

void row_printer_print(struct row_printer *printer, const struct row *row, const char *marked) {
        switch (printer->format) {
        case TRANSCRIPT_TEXT:
                line_print(printer, row, marked);
                break;
        case TRANSCRIPT_JSON:
                json_print(printer, row, marked);
                break;
        case TRANSCRIPT_SRT:
        case TRANSCRIPT_VTT:
                subtitles_add(printer->subtitles, row);
                break;
        }
}
