#include "alert/phrases.h"

#include <errno.h>
#include <stdlib.h>

#include "alert/dictionary.h"
#include "util/array.h"
#include "util/mem.h"

// A phrase that ends at a node.
struct phrase_end {
        unsigned owner;
        uint64_t glued;  // bit i: its token i is written together with the one before
        size_t next;     // of the same node: its index + 1; 0: none
};

// What was read so far: a beginning of some phrase.
struct phrase_node {
        uint32_t parent, word;
        uint32_t suffix;   // the longest other beginning that ends what was read
        uint32_t shorter;  // the next of those where a phrase ends; 0: none
        uint32_t depth;
        size_t ends;  // its first phrase_end: index + 1; 0: none
};

struct phrases {
        struct dictionary *words;
        struct dictionary *edges;   // from a node by a word; a node has its edge's number
        struct phrase_node *nodes;  // 0 is the root
        size_t n_nodes, nodes_capacity;
        struct phrase_end *ends;
        size_t n_ends, ends_capacity;
        size_t longest;
        struct folded folded;
};

// An edge as the dictionary has it.
struct edge {
        uint32_t node, word;
};

static struct phrase_node *node_add(struct phrases *phrases) {
        phrases->nodes = array_grow(phrases->nodes, phrases->n_nodes, &phrases->nodes_capacity,
                                    sizeof(*phrases->nodes));
        phrases->nodes[phrases->n_nodes] = (struct phrase_node){0};
        return &phrases->nodes[phrases->n_nodes++];
}

struct phrases *phrases_new(void) {
        struct phrases *phrases = xnew(struct phrases);

        phrases->words = dictionary_new();
        phrases->edges = dictionary_new();
        node_add(phrases);
        return phrases;
}

struct phrases *phrases_free(struct phrases *phrases) {
        if (!phrases)
                return NULL;
        dictionary_free(phrases->words);
        dictionary_free(phrases->edges);
        free(phrases->nodes);
        free(phrases->ends);
        folded_deinit(&phrases->folded);
        return mem_free(phrases);
}

static uint32_t node_below(struct phrases *phrases, uint32_t parent, uint32_t word) {
        struct edge edge = {parent, word};
        uint32_t node = dictionary_put(phrases->edges, &edge, sizeof(edge));

        if (node == phrases->n_nodes) {
                struct phrase_node *added = node_add(phrases);

                added->parent = parent;
                added->word = word;
                added->depth = phrases->nodes[parent].depth + 1;
        }
        return node;
}

int phrases_add(struct phrases *phrases, const char *text, size_t n, unsigned owner,
                struct error *error) {
        struct folded *folded = &phrases->folded;
        uint64_t glued = 0;
        uint32_t node = 0;

        fold_text(folded, text, n, FOLD_BLANK);
        if (folded->n == 0)
                return error_set(error, -EINVAL, "'%.*s' has no letter and no digit", (int)n,
                                 text);
        if (folded->n > PHRASE_TOKENS_MAX)
                return error_set(error, -EINVAL,
                                 "'%.*s' has %zu words; a phrase has at most %d", (int)n, text,
                                 folded->n, PHRASE_TOKENS_MAX);
        for (size_t i = 0; i < folded->n; i++) {
                const struct fold_token *token = &folded->tokens[i];
                uint32_t word = dictionary_put(phrases->words, folded->bytes + token->folded,
                                               token->n_folded);

                if (i > 0 && token->is_unspaced && token->gap == FOLD_GLUED)
                        glued |= 1ULL << i;
                node = node_below(phrases, node, word);
        }
        phrases->ends = array_grow(phrases->ends, phrases->n_ends, &phrases->ends_capacity,
                                   sizeof(*phrases->ends));
        phrases->ends[phrases->n_ends++] = (struct phrase_end){
                .owner = owner, .glued = glued, .next = phrases->nodes[node].ends};
        phrases->nodes[node].ends = phrases->n_ends;
        if (folded->n > phrases->longest)
                phrases->longest = folded->n;
        return 0;
}

size_t phrases_count(const struct phrases *phrases) {
        return phrases->n_ends;
}

// --- the automaton ---------------------------------------------------------------------------

// The longest beginning that what was read (`node`) and then `word` end in.
static uint32_t node_after(const struct phrases *phrases, uint32_t node, uint32_t word,
                           uint64_t *n_steps) {
        for (;;) {
                struct edge edge = {node, word};
                uint32_t next = dictionary_get(phrases->edges, &edge, sizeof(edge));

                ++*n_steps;
                if (next || node == 0)
                        return next;
                node = phrases->nodes[node].suffix;
        }
}

static int by_depth(const void *a, const void *b, void *context) {
        const struct phrase_node *nodes = context;
        uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

        if (nodes[one].depth != nodes[other].depth)
                return nodes[one].depth < nodes[other].depth ? -1 : 1;
        return one < other ? -1 : one > other;
}

void phrases_link(struct phrases *phrases) {
        uint32_t *order = xcalloc(phrases->n_nodes, sizeof(*order));
        uint64_t n_steps = 0;

        for (size_t i = 0; i < phrases->n_nodes; i++)
                order[i] = (uint32_t)i;
        qsort_r(order, phrases->n_nodes, sizeof(*order), by_depth, phrases->nodes);
        for (size_t i = 1; i < phrases->n_nodes; i++) {
                struct phrase_node *node = &phrases->nodes[order[i]];
                const struct phrase_node *suffix;

                if (node->parent != 0)
                        node->suffix = node_after(phrases, phrases->nodes[node->parent].suffix,
                                                  node->word, &n_steps);
                suffix = &phrases->nodes[node->suffix];
                node->shorter = suffix->ends ? node->suffix : suffix->shorter;
        }
        free(order);
}

size_t phrases_longest(const struct phrases *phrases) {
        return phrases->longest;
}

uint32_t phrases_word(const struct phrases *phrases, const char *folded, size_t n) {
        return dictionary_get(phrases->words, folded, n);
}

// In scripts without spaces a full stop between two characters ends a sentence, not a word.
static bool is_together(const struct phrase_token *first, size_t n, uint64_t glued) {
        for (size_t i = 1; i < n; i++)
                if ((glued >> i & 1) != 0 && first[i].gap == FOLD_MARK)
                        return false;
        return true;
}

uint64_t phrases_find(const struct phrases *phrases, const struct phrase_token *tokens,
                      size_t n, size_t from, phrases_found *on_found, void *context) {
        uint32_t node = 0;
        uint64_t n_steps = 0;

        for (size_t i = 0; i < n; i++) {
                uint32_t at;

                node = tokens[i].word == 0
                               ? 0
                               : node_after(phrases, node, tokens[i].word, &n_steps);
                n_steps += tokens[i].word == 0;
                at = phrases->nodes[node].ends ? node : phrases->nodes[node].shorter;
                for (; at && i >= from; at = phrases->nodes[at].shorter) {
                        size_t depth = phrases->nodes[at].depth;
                        const struct phrase_token *first = &tokens[i + 1 - depth];

                        for (size_t k = phrases->nodes[at].ends; k; n_steps++) {
                                const struct phrase_end *end = &phrases->ends[k - 1];

                                if (is_together(first, depth, end->glued))
                                        on_found(context, end->owner, first, &tokens[i]);
                                k = end->next;
                        }
                }
        }
        return n_steps;
}
