#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "decode/option_table.h"
#include "server/config_mistakes.h"
#include "server/config_reader.h"
#include "util/mem.h"

#define NAMES_MAX 64

// All names, for mistakes; NULL at the end.
static void names_list(const char *ret[static NAMES_MAX]) {
        size_t n = 0;

        for (const struct decode_option *option = decode_option_table;
             option->name && n < NAMES_MAX - 1; option++)
                ret[n++] = option->name;
        ret[n] = NULL;
}

static void option_read(struct config_reader *reader, const struct config_node *node,
                        const char *place, const struct decode_option *option,
                        struct decode_options *options, struct decode_wishes *wishes) {
        CLEANUP(mem_freep)
        char *value = config_read_list(reader, node, place, option->expected,
                                       decode_option_separator(option));

        if (!value)
                return;
        if (decode_option_set(option, options, value)) {
                if (wishes)
                        decode_wishes_add(wishes, option, value);
        } else if (node->kind == CONFIG_NODE_LIST) {
                config_mistake_add(reader->mistakes, node->line, node->column, place,
                                   "wrong list; expected %s", option->expected);
        } else {
                config_refuse_value(reader, node, place, option->expected,
                                    decode_option_choices(option));
        }
}

void config_read_decoding(struct config_reader *reader, const struct config_node *node,
                          const char *place, struct decode_options *options,
                          struct decode_wishes *wishes) {
        const char *known[NAMES_MAX];

        if (node->kind != CONFIG_NODE_MAPPING) {
                config_refuse_kind(reader, node, place,
                                   "a mapping of options such as beam_size to their values");
                return;
        }
        names_list(known);
        config_check_keys(reader, node, place);
        for (size_t i = 0; i < node->n_children; i += 2) {
                const struct config_node *name = node->children[i];
                const struct decode_option *option;
                CLEANUP(mem_freep) char *key = NULL;

                if (name->kind != CONFIG_NODE_SCALAR)
                        continue;
                key = xasprintf("%s.%s", place, name->text);
                option = decode_option_find(name->text);
                if (option)
                        option_read(reader, node->children[i + 1], key, option, options,
                                    wishes);
                else
                        config_refuse_key(reader, name, key, known);
        }
}

bool config_override_decoding(struct config_reader *reader, const char *name, const char *value,
                              const char *origin) {
        struct config_node node = {.kind = CONFIG_NODE_SCALAR};
        const struct decode_option *option = decode_option_find(name);

        if (!option)
                return false;
        if (decode_option_set(option, &reader->config->decoding, value))
                return true;
        node.text = xstrdup(value);
        config_refuse_value(reader, &node, origin, option->expected,
                            decode_option_choices(option));
        free(node.text);
        return false;
}

// To capitals, in place.
static void name_raise(char *name) {
        for (; *name; name++)
                *name = (char)toupper((unsigned char)*name);
}

void config_read_decoding_environment(struct config_reader *reader) {
        for (const struct decode_option *option = decode_option_table; option->name; option++) {
                CLEANUP(mem_freep)
                char *variable = xasprintf("EAVESDROP_DECODING_%s", option->name);
                const char *value;

                name_raise(variable);
                value = getenv(variable);
                if (value && value[0] != '\0')
                        config_override_decoding(reader, option->name, value, variable);
        }
}
