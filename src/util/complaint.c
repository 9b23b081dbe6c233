#include "util/complaint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "util/line_text.h"
#include "util/mem.h"
#include "util/redact.h"

static void line_print(const char *verb, const char *text) {
        CLEANUP(mem_freep) char *redacted = redact_urls(text);
        CLEANUP(mem_freep) char *line = line_text_copy(redacted);

        fprintf(stderr, "%s%s%s: %s\n", program_invocation_short_name, verb ? " " : "",
                verb ? verb : "", line);
}

void complaint_print(const char *verb, const char *format, ...) {
        CLEANUP(mem_freep) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        line_print(verb, text ? text : format);
}

void complaint_print_value(const char *verb, const char *text, const char *value) {
        CLEANUP(mem_freep) char *redacted = redact_value(value);
        CLEANUP(mem_freep) char *whole = xasprintf("%s%s", text, redacted);

        line_print(verb, whole);
}

int complaint_flush_output(int code) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return code;
        complaint_print(NULL,
                        "standard output could not be written: it is closed or full, or its "
                        "reader has left; what was printed is not complete");
        return code == EXIT_OK ? EXIT_TROUBLE : code;
}
