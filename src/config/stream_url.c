// The URL of a stream, as it stands in the file and with its variables filled in.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/mistakes.h"
#include "config/reader.h"
#include "util/mem.h"

// "rtsp:", "file:": letters, digits, "+", "-" and "." up to a colon, letter first (RFC 3986).
static bool url_has_scheme(const char *url) {
        size_t length = 0;

        if (!isalpha((unsigned char)url[0]))
                return false;
        while (isalnum((unsigned char)url[length]) ||
               (url[length] != '\0' && strchr("+-.", url[length])))
                length++;
        return url[length] == ':';
}

// What a user name or password may not hold as it is: it would end there, and the rest of the
// URL would be something else.
static const char user_info_ends[] = "#/? \t\r\n";

#define USER_INFO_HINT                                                                         \
        "in a user name or password write '#', '/', '?' and ' ' as %%23, %%2F, %%3F and %%20 " \
        "(percent-encoding)"

// The name of a variable (its length in *ret_n) that stands in the user name or password of the
// URL as it is written in the file, and holds what may not stand there. NULL if none does.
static const char *user_info_variable(const char *text, size_t *ret_n) {
        const char *place = strstr(text, "://"), *last;

        if (!place)
                return NULL;
        place += 3;
        last = memrchr(place, '@', strcspn(place, "/?#"));
        while (last && (place = strstr(place, "${")) && place < last) {
                CLEANUP(mem_freep) char *name = NULL;
                const char *value;

                place += 2;
                *ret_n = strcspn(place, "}");
                name = xasprintf("%.*s", (int)*ret_n, place);
                value = getenv(name);
                if (value && strpbrk(value, user_info_ends))
                        return place;
        }
        return NULL;
}

// What variables hold may be secret: what is wrong with them is not shown.
static void url_refuse_variables(struct config_reader *reader, const struct config_node *node,
                                 const char *path) {
        size_t n = 0;
        const char *name = user_info_variable(node->text, &n);

        if (name)
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "what the variable %.*s holds does not fit into a URL as it "
                                   "is: " USER_INFO_HINT,
                                   (int)n, name);
        else
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "wrong once its variables are filled in; expected "  //
                                   CONFIG_URL_EXPECTED "; " USER_INFO_HINT);
}

void config_read_url(struct config_reader *reader, const struct config_node *node,
                     const char *path) {
        struct stream_config *stream = reader->target.owners[SETTING_IN_STREAM];
        CLEANUP(mem_freep)
        char *value = config_read_value(reader, node, path, CONFIG_URL_EXPECTED);
        struct error error = {0};
        size_t n;

        if (!value)
                return;
        if (value[0] == '\0') {
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "empty; expected " CONFIG_URL_EXPECTED);
                return;
        }
        stream->url =
                url_has_scheme(value) ? xstrdup(value) : config_resolve_path(reader, value);
        // "12#x" as a password would make a URL without a mistake, of another host.
        if (!reader->is_plain && user_info_variable(node->text, &n)) {
                url_refuse_variables(reader, node, path);
                return;
        }
        if (source_url_check(stream->url, &error) == 0)
                return;
        if (strcmp(value, node->text) != 0)
                url_refuse_variables(reader, node, path);
        else
                config_mistake_add(reader->mistakes, node->line, node->column, path, "%s",
                                   error.text);
}
