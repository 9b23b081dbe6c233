#include "util/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *error, int code, const char *format, ...) {
        va_list arguments;

        if (!error)
                return code;
        error->code = code;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
        return code;
}

int error_prefix(struct error *error, const char *format, ...) {
        char text[ERROR_TEXT_MAX];
        va_list arguments;
        int length;

        if (!error)
                return 0;
        va_start(arguments, format);
        length = vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (length < 0 || length >= (int)sizeof(text) - 3)
                return error->code;
        snprintf(text + length, sizeof(text) - (size_t)length, ": %s", error->text);
        memcpy(error->text, text, sizeof(text));
        return error->code;
}
