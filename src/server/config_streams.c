#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "server/config_mistakes.h"
#include "server/config_reader.h"
#include "util/mem.h"

#define URL_EXPECTED "a URL that ffmpeg reads (rtsp://...) or the path of a sound file"

static const char *const stream_key_names[] = {"url",       "language", "task",  "prompt",
                                               "hotwords",  "decoding", "pause", "window_max",
                                               "transport", "loop",     NULL};

// --- the URL ---------------------------------------------------------------------------------

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
                                 const char *place) {
        size_t n = 0;
        const char *name = user_info_variable(node->text, &n);

        if (name)
                config_mistake_add(reader->mistakes, node->line, node->column, place,
                                   "what the variable %.*s holds does not fit into a URL as it "
                                   "is: " USER_INFO_HINT,
                                   (int)n, name);
        else
                config_mistake_add(reader->mistakes, node->line, node->column, place,
                                   "wrong once its variables are filled in; expected "  //
                                   URL_EXPECTED "; " USER_INFO_HINT);
}

static void url_read(struct config_reader *reader, const struct config_node *node,
                     const char *place, struct stream_config *stream) {
        CLEANUP(mem_freep) char *value = config_read_value(reader, node, place, URL_EXPECTED);
        struct error error = {0};
        size_t n;

        if (!value)
                return;
        if (value[0] == '\0') {
                config_mistake_add(reader->mistakes, node->line, node->column, place,
                                   "empty; expected " URL_EXPECTED);
                return;
        }
        stream->url =
                url_has_scheme(value) ? xstrdup(value) : config_resolve_path(reader, value);
        // "12#x" as a password would make a URL without a mistake, of another host.
        if (user_info_variable(node->text, &n)) {
                url_refuse_variables(reader, node, place);
                return;
        }
        if (source_url_check(stream->url, &error) == 0)
                return;
        if (strcmp(value, node->text) != 0)
                url_refuse_variables(reader, node, place);
        else
                config_mistake_add(reader->mistakes, node->line, node->column, place, "%s",
                                   error.text);
}

// --- decoding --------------------------------------------------------------------------------

static void hotwords_read(struct config_reader *reader, const struct config_node *node,
                          const char *place, struct stream_config *stream) {
        CLEANUP(mem_freep)
        char *words = config_read_list(reader, node, place, "words or a list", " ");

        if (words && strlen(words) > DECODE_TEXT_MAX)
                config_mistake_add(reader->mistakes, node->line, node->column, place,
                                   "%zu bytes of words; the limit is %d", strlen(words),
                                   DECODE_TEXT_MAX);
        else if (words && words[0] != '\0')
                stream->hotwords = TAKE(words);
}

// Values are tried on a scratch: the server's own may yet change.
static void decoding_read(struct config_reader *reader, const struct config_node *node,
                          const char *place, struct stream_config *stream) {
        struct decode_options scratch = decode_options_default();

        config_read_decoding(reader, node, place, &scratch, &stream->decoding);
        decode_options_deinit(&scratch);
}

// --- streams ---------------------------------------------------------------------------------

static void stream_read_mapping(struct config_reader *reader, const struct config_node *mapping,
                                const char *prefix, struct stream_config *stream) {
        bool has_url = false;

        config_check_keys(reader, mapping, prefix);
        for (size_t i = 0; i < mapping->n_children; i += 2) {
                const struct config_node *name = mapping->children[i];
                const struct config_node *node = mapping->children[i + 1];
                CLEANUP(mem_freep) char *place = NULL;
                const struct config_key *key;

                if (name->kind != CONFIG_NODE_SCALAR)
                        continue;
                place = xasprintf("%s.%s", prefix, name->text);
                key = config_key_find(config_stream_keys, name->text);
                if (key) {
                        config_read_key(reader, node, place, key, stream);
                } else if (strcmp(name->text, "url") == 0) {
                        has_url = true;
                        url_read(reader, node, place, stream);
                } else if (strcmp(name->text, "hotwords") == 0) {
                        hotwords_read(reader, node, place, stream);
                } else if (strcmp(name->text, "decoding") == 0) {
                        decoding_read(reader, node, place, stream);
                } else {
                        config_refuse_key(reader, name, place, stream_key_names);
                }
        }
        if (!has_url)
                config_mistake_add(reader->mistakes, mapping->line, mapping->column, prefix,
                                   "has no url; expected " URL_EXPECTED);
}

static void name_check(struct config_reader *reader, const struct config_node *name,
                       const char *place) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-";
        size_t length = strlen(name->text);

        if (length == 0)
                config_mistake_add(reader->mistakes, name->line, name->column, place,
                                   "a stream's name may not be empty");
        else if (length > CONFIG_NAME_MAX)
                config_mistake_add(reader->mistakes, name->line, name->column, place,
                                   "a stream's name may have at most %d characters",
                                   CONFIG_NAME_MAX);
        else if (strspn(name->text, allowed) != length || strspn(name->text, "._-") == length)
                config_mistake_add(reader->mistakes, name->line, name->column, place,
                                   "a stream's name is made of letters (a-z, A-Z), digits, "
                                   "\".\", \"_\" and \"-\"");
}

static void stream_read(struct config_reader *reader, const struct config_node *name,
                        const struct config_node *node) {
        CLEANUP(mem_freep) char *place = xasprintf("streams.%s", name->text);
        struct config *config = reader->config;
        struct stream_config *stream = &config->streams[config->n_streams++];

        stream->name = xstrdup(name->text);
        name_check(reader, name, place);
        if (node->kind == CONFIG_NODE_MAPPING)
                stream_read_mapping(reader, node, place, stream);
        else if (node->kind == CONFIG_NODE_SCALAR)
                url_read(reader, node, place, stream);
        else
                config_refuse_kind(reader, node, place, "a URL, or a mapping with the key url");
}

void config_read_streams(struct config_reader *reader, const struct config_node *node) {
        size_t n = node->n_children / 2;

        if (node->kind != CONFIG_NODE_MAPPING) {
                config_refuse_kind(reader, node, "streams",
                                   "a mapping of streams' names to their URLs");
                return;
        }
        if (n > CONFIG_STREAMS_MAX) {
                config_mistake_add(reader->mistakes, node->line, node->column, "streams",
                                   "%zu streams; the limit is %d", n, CONFIG_STREAMS_MAX);
                return;
        }
        config_check_keys(reader, node, "streams");
        reader->config->streams = xcalloc(n, sizeof(*reader->config->streams));
        for (size_t i = 0; i < node->n_children; i += 2)
                if (node->children[i]->kind == CONFIG_NODE_SCALAR)
                        stream_read(reader, node->children[i], node->children[i + 1]);
}
