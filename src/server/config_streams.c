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

static void url_read(struct config_reader *reader, const struct config_node *node,
                     const char *place, struct stream_config *stream) {
        CLEANUP(mem_freep) char *value = config_read_value(reader, node, place, URL_EXPECTED);
        struct error error = {0};

        if (!value)
                return;
        if (value[0] == '\0') {
                config_mistake_add(reader->mistakes, node->line, node->column, place,
                                   "empty; expected " URL_EXPECTED);
                return;
        }
        stream->url =
                url_has_scheme(value) ? xstrdup(value) : config_resolve_path(reader, value);
        if (source_url_check(stream->url, &error) == 0)
                return;
        // What variables hold may be secret: what is wrong with them is not shown.
        if (strcmp(value, node->text) != 0)
                config_mistake_add(reader->mistakes, node->line, node->column, place,
                                   "wrong once its variables are filled in; expected "  //
                                   URL_EXPECTED);
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
