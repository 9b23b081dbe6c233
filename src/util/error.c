#include "util/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/line_text.h"
#include "util/mem.h"
#include "util/redact.h"
#include "util/utf8.h"

// Longer than the text that is kept, so that an address in it is redacted before it is cut: its
// beginning alone does not show where its password ends.
#define WHOLE_MAX (4 * ERROR_TEXT_MAX)

// Format into `ret` what may be shown of it: redacted, one line. Returns its length.
__attribute__((format(printf, 3, 0))) static size_t
text_format(char *ret, size_t size, const char *format, va_list arguments) {
        CLEANUP(mem_freep) char *redacted = NULL;
        char whole[WHOLE_MAX];
        int length = vsnprintf(whole, sizeof(whole), format, arguments);

        if (length < 0)
                whole[0] = '\0';
        else if (length >= (int)sizeof(whole))
                whole[utf8_cut(whole, sizeof(whole) - 1)] = '\0';
        redacted = redact_urls(whole);
        return line_text_write(ret, size, redacted, strlen(redacted));
}

int error_set(struct error *error, int code, const char *format, ...) {
        va_list arguments;

        if (!error)
                return code;
        error->code = code;
        va_start(arguments, format);
        text_format(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
        return code;
}

int error_prefix(struct error *error, const char *format, ...) {
        static const char colon[] = ": ";
        char text[ERROR_TEXT_MAX];
        va_list arguments;
        size_t length;

        if (!error)
                return 0;
        va_start(arguments, format);
        length = text_format(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (length + strlen(colon) >= sizeof(text) - 1)
                return error->code;
        memcpy(text + length, colon, sizeof(colon));
        length += strlen(colon);
        line_text_write(text + length, sizeof(text) - length, error->text, strlen(error->text));
        memcpy(error->text, text, sizeof(text));
        return error->code;
}
