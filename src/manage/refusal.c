#include "manage/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

int refusal_set(struct refusal *ret, int status, const char *field, const char *format, ...) {
        CLEANUP(mem_freep) char *text = NULL;
        struct error error;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                abort();
        va_end(arguments);
        // Redacted there, like all that people read.
        (void)error_set(&error, -EINVAL, "%s", text);
        ret->status = status;
        snprintf(ret->field, sizeof(ret->field), "%s", field);
        snprintf(ret->text, sizeof(ret->text), "%s", error.text);
        return -EINVAL;
}
