#include "sink/nats_subject.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/row_json.h"
#include "util/mem.h"

#define NAME_MAX_BYTES 32  // of a field

static bool is_forbidden(char byte) {
        return (unsigned char)byte <= ' ' || byte == 0x7F || strchr(".*>%", byte);
}

// The name of the field in braces that begins there, and where it ends; NULL: it is none.
static const char *name_read(const char *brace, char ret[NAME_MAX_BYTES]) {
        const char *end = strchr(brace, '}');
        size_t n = end ? (size_t)(end - brace - 1) : 0;

        if (n == 0 || n >= NAME_MAX_BYTES)
                return NULL;
        memcpy(ret, brace + 1, n);
        ret[n] = '\0';
        return end + 1;
}

int nats_subject_check(const char *subject, struct error *error) {
        static const struct row row = {.kind = ROW_SEGMENT};
        const char *begin = subject;  // of the part

        if (subject[0] == '$')
                return error_set(error, -EINVAL,
                                 "subject: those that begin with $ are the server's own");
        for (const char *text = subject;;) {
                char name[NAME_MAX_BYTES];
                const char *end;

                if (*text == '{') {
                        CLEANUP(mem_freep) char *value = NULL;

                        end = name_read(text, name);
                        value = end ? row_field(&row, name) : NULL;
                        if (!value)
                                return error_set(error, -EINVAL,
                                                 "subject: \"%s\" has no field of a row in its "
                                                 "braces, such as {stream}",
                                                 subject);
                        text = end;
                        continue;
                }
                if ((*text == '.' || *text == '\0') && text == begin)
                        return error_set(error, -EINVAL,
                                         "subject: \"%s\" has a part that is empty", subject);
                if (*text == '\0')
                        return 0;
                if (*text != '.' && (is_forbidden(*text) || *text == '}'))
                        return error_set(error, -EINVAL,
                                         "subject: \"%s\" has a character that no subject may "
                                         "hold",
                                         subject);
                if (*text++ == '.')
                        begin = text;
        }
}

static void value_write(FILE *file, const char *value) {
        if (value[0] == '\0')
                fputs("%00", file);
        for (; *value != '\0'; value++) {
                if (is_forbidden(*value))
                        fprintf(file, "%%%02X", (unsigned char)*value);
                else
                        fputc(*value, file);
        }
}

char *nats_subject_make(const char *subject, const struct row *row) {
        char *made, name[NAME_MAX_BYTES];
        size_t n;
        FILE *file = open_memstream(&made, &n);

        if (!file)
                abort();  // out of memory
        for (const char *text = subject; *text != '\0';) {
                const char *end = *text == '{' ? name_read(text, name) : NULL;

                if (end) {
                        CLEANUP(mem_freep) char *value = row_field(row, name);

                        value_write(file, value ? value : "");
                        text = end;
                } else {
                        fputc(*text++, file);
                }
        }
        if (fclose(file) != 0)
                abort();  // out of memory
        return made;
}

char *nats_subject_pattern(const char *subject) {
        char *pattern = xcalloc(strlen(subject) + 1, 1);
        size_t n = 0;

        for (const char *part = subject; part;) {
                size_t length = strcspn(part, ".");
                bool is_open = memchr(part, '{', length);

                memcpy(pattern + n, is_open ? "*" : part, is_open ? 1 : length);
                n += is_open ? 1 : length;
                pattern[n] = part[length];
                n++;
                part = part[length] == '.' ? part + length + 1 : NULL;
        }
        return pattern;
}
