#include "util/word_list.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define BLANKS " \t\r\n"

char **word_list_split(const char *text) {
        char **words = NULL;
        size_t n = 0;

        for (; text && *text; text += strcspn(text, BLANKS)) {
                size_t length;

                text += strspn(text, BLANKS);
                length = strcspn(text, BLANKS);
                if (length == 0)
                        break;
                words = xrealloc_array(words, n + 2, sizeof(*words));
                words[n] = xcalloc(length + 1, 1);
                memcpy(words[n++], text, length);
                words[n] = NULL;
        }
        return words;
}

char **word_list_copy(char *const *list) {
        size_t n = 0;
        char **copy;

        if (!list)
                return NULL;
        while (list[n])
                n++;
        copy = xcalloc(n + 1, sizeof(*copy));
        for (size_t i = 0; i < n; i++)
                copy[i] = xstrdup(list[i]);
        return copy;
}

char **word_list_free(char **list) {
        for (size_t i = 0; list && list[i]; i++)
                free(list[i]);
        return mem_free(list);
}

bool word_list_has(char *const *list, const char *name) {
        while (*list && strcmp(*list, name) != 0)
                list++;
        return *list;
}

bool word_list_matches(char *const *list, const char *name) {
        while (*list && strcmp(*list, name) != 0 && fnmatch(*list, name, 0) != 0)
                list++;
        return *list;
}
