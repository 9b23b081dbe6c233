#include "config/tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/mistakes.h"
#include "util/mem.h"

// The state of one parse: the nodes that are still open, outermost first.
struct tree_parser {
        yaml_parser_t yaml;
        const char *text;
        size_t n_text;
        struct config_mistakes *mistakes;
        struct config_node *root;
        struct config_node *open[CONFIG_DEPTH_MAX];
        size_t n_open;
        size_t n_nodes;
        size_t n_documents;
};

struct config_node *config_tree_free(struct config_node *root) {
        if (!root)
                return NULL;
        // No deeper than CONFIG_DEPTH_MAX.
        for (size_t i = 0; i < root->n_children; i++)
                config_tree_free(root->children[i]);
        free(root->children);
        free(root->text);
        free(root);
        return NULL;
}

const char *config_node_kind_name(const struct config_node *node) {
        switch (node->kind) {
        case CONFIG_NODE_NULL:
                return "nothing";
        case CONFIG_NODE_SCALAR:
                return "a single value";
        case CONFIG_NODE_LIST:
                return "a list";
        case CONFIG_NODE_MAPPING:
                return "a mapping";
        case CONFIG_NODE_REFUSED:
                break;
        }
        return "something refused";
}

#define tree_mistake(parser, mark, ...)                                                        \
        config_mistake_add((parser)->mistakes, (int)(mark)->line + 1, (int)(mark)->column + 1, \
                           "", __VA_ARGS__)

// Hang the node into the innermost open one. False when there are too many nodes.
static bool tree_add(struct tree_parser *parser, struct config_node *node) {
        struct config_node *parent;

        if (++parser->n_nodes > CONFIG_NODES_MAX)
                return false;
        if (parser->n_open == 0) {
                assert(!parser->root);
                parser->root = node;
                return true;
        }
        parent = parser->open[parser->n_open - 1];
        // Room grows at powers of two.
        if ((parent->n_children & (parent->n_children - 1)) == 0) {
                size_t room = parent->n_children > 0 ? 2 * parent->n_children : 1;
                struct config_node **children =
                        realloc(parent->children, room * sizeof(*children));

                if (!children)
                        return false;
                parent->children = children;
        }
        parent->children[parent->n_children++] = node;
        return true;
}

static bool tree_open(struct tree_parser *parser, struct config_node *node) {
        if (parser->n_open == CONFIG_DEPTH_MAX)
                return false;
        parser->open[parser->n_open++] = node;
        return true;
}

static bool scalar_is_null(const yaml_event_t *event) {
        const char *text = (const char *)event->data.scalar.value;

        return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
               (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static void tree_fill_scalar(struct tree_parser *parser, struct config_node *node,
                             const yaml_event_t *event) {
        const char *text = (const char *)event->data.scalar.value;

        if (event->data.scalar.tag) {
                tree_mistake(parser, &event->start_mark,
                             "tags such as !!str are not supported: leave it out");
        } else if (strlen(text) != event->data.scalar.length) {
                tree_mistake(parser, &event->start_mark, "a value may not hold a zero byte");
        } else if (scalar_is_null(event)) {
                node->kind = CONFIG_NODE_NULL;
        } else {
                node->kind = CONFIG_NODE_SCALAR;
                node->text = xstrdup(text);
        }
}

// The node that an event begins. Tells what is refused about it.
static struct config_node *node_new(struct tree_parser *parser, const yaml_event_t *event) {
        struct config_node *node = xnew(struct config_node);

        node->kind = CONFIG_NODE_REFUSED;
        node->line = (int)event->start_mark.line + 1;
        node->column = (int)event->start_mark.column + 1;
        if (event->type == YAML_ALIAS_EVENT)
                tree_mistake(parser, &event->start_mark,
                             "aliases (*name) are not supported: write the value out");
        else if (event->type == YAML_SCALAR_EVENT)
                tree_fill_scalar(parser, node, event);
        else if (event->type == YAML_MAPPING_START_EVENT)
                node->kind = CONFIG_NODE_MAPPING;
        else
                node->kind = CONFIG_NODE_LIST;
        return node;
}

// Take in one event. False when there is nothing more to read.
static bool tree_on_event(struct tree_parser *parser, const yaml_event_t *event) {
        struct config_node *node;

        switch (event->type) {
        case YAML_STREAM_END_EVENT:
                return false;
        case YAML_DOCUMENT_START_EVENT:
                if (++parser->n_documents == 1)
                        return true;
                tree_mistake(parser, &event->start_mark,
                             "a second document begins here; expected only one");
                return false;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                parser->n_open--;
                return true;
        case YAML_ALIAS_EVENT:
        case YAML_SCALAR_EVENT:
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT:
                break;
        default:
                return true;
        }
        node = node_new(parser, event);
        if (!tree_add(parser, node)) {
                config_tree_free(node);
                tree_mistake(parser, &event->start_mark,
                             "too many keys and values; the limit is %d", CONFIG_NODES_MAX);
                return false;
        }
        if (event->type != YAML_ALIAS_EVENT && event->type != YAML_SCALAR_EVENT &&
            !tree_open(parser, node)) {
                tree_mistake(parser, &event->start_mark, "nested too deeply; the limit is %d",
                             CONFIG_DEPTH_MAX);
                return false;
        }
        return true;
}

// --- what libyaml complains about ------------------------------------------------------------

// Line and column (in characters) of a byte offset.
static yaml_mark_t mark_of_offset(const char *text, size_t offset) {
        yaml_mark_t mark = {.index = offset};

        for (size_t i = 0; i < offset; i++) {
                if (text[i] == '\n') {
                        mark.line++;
                        mark.column = 0;
                } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
                        mark.column++;
                }
        }
        return mark;
}

// libyaml's marks count characters, not bytes.
static bool mark_is_tab(const struct tree_parser *parser, const yaml_mark_t *mark) {
        const char *position = parser->text, *end = parser->text + parser->n_text;

        for (size_t line = 0; line < mark->line && position < end; line++) {
                position = memchr(position, '\n', (size_t)(end - position));
                if (!position)
                        return false;
                position++;
        }
        for (size_t column = 0; position < end; position++) {
                if (((unsigned char)*position & 0xC0) == 0x80)
                        continue;
                if (column++ == mark->column)
                        return *position == '\t';
        }
        return false;
}

static void tree_syntax_mistake(struct tree_parser *parser) {
        const yaml_parser_t *yaml = &parser->yaml;
        yaml_mark_t mark = yaml->problem_mark;
        const char *problem = yaml->problem ? yaml->problem : "out of memory";

        if (yaml->error == YAML_READER_ERROR)
                mark = mark_of_offset(parser->text, yaml->problem_offset < parser->n_text
                                                            ? yaml->problem_offset
                                                            : parser->n_text);
        if (yaml->error == YAML_SCANNER_ERROR && mark_is_tab(parser, &mark))
                tree_mistake(parser, &mark,
                             "a tab stands here; YAML is indented with spaces only");
        else if (yaml->context)
                tree_mistake(parser, &mark, "not valid YAML: %s, %s", yaml->context, problem);
        else
                tree_mistake(parser, &mark, "not valid YAML: %s", problem);
}

// A mapping that was cut off by a mistake may lack its last value. Innermost first: the key
// that is dropped may itself be an open mapping.
static void tree_close_all(struct tree_parser *parser) {
        while (parser->n_open > 0) {
                struct config_node *node = parser->open[--parser->n_open];

                if (node->kind == CONFIG_NODE_MAPPING && node->n_children % 2 == 1) {
                        size_t last = --node->n_children;

                        config_tree_free(node->children[last]);
                }
        }
}

void config_tree_parse(struct config_node **ret, const char *text, size_t n,
                       struct config_mistakes *mistakes) {
        struct tree_parser parser = {.text = text, .n_text = n, .mistakes = mistakes};
        bool goes_on = true;

        if (!yaml_parser_initialize(&parser.yaml)) {
                config_mistake_add(mistakes, 1, 1, "", "out of memory");
                *ret = NULL;
                return;
        }
        yaml_parser_set_encoding(&parser.yaml, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser.yaml, (const unsigned char *)text, n);
        while (goes_on) {
                yaml_event_t event;

                if (!yaml_parser_parse(&parser.yaml, &event)) {
                        tree_syntax_mistake(&parser);
                        break;
                }
                goes_on = tree_on_event(&parser, &event);
                yaml_event_delete(&event);
        }
        tree_close_all(&parser);
        yaml_parser_delete(&parser.yaml);
        *ret = parser.root;
}
