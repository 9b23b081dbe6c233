#include "alert/alert_list.h"

#include <string.h>

#include "util/mem.h"
#include "util/utf8.h"
#include "util/word_list.h"

size_t alert_list_line(const char **at, const char **ret, size_t *line) {
        while (**at) {
                const char *begin = *at, *end = strchrnul(begin, '\n');

                *at = *end ? end + 1 : end;
                if (line)
                        ++*line;
                while (begin < end && utf8_is_blank(*begin))
                        begin++;
                while (end > begin && utf8_is_blank(end[-1]))
                        end--;
                if (begin < end) {
                        *ret = begin;
                        return (size_t)(end - begin);
                }
        }
        return 0;
}

bool alert_list_has(const char *list, const char *name) {
        CLEANUP(word_list_freep) char **words = word_list_split(list);

        return !list || (words && word_list_matches(words, name));
}
