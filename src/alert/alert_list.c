#include "alert/alert_list.h"

#include <fnmatch.h>
#include <string.h>

#include "util/mem.h"
#include "util/utf8.h"

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
        CLEANUP(mem_freep) char *items = xstrdup(list);
        char *at = items;

        if (!list)
                return true;
        for (const char *item = strsep(&at, " \t\r\n"); item; item = strsep(&at, " \t\r\n"))
                if (*item && fnmatch(item, name, 0) == 0)
                        return true;
        return false;
}
