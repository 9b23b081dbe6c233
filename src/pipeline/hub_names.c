#include "pipeline/hub_names.h"

#include <string.h>

#include "util/utf8.h"

bool hub_name_is_good(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > HUB_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return false;
        for (int step; n > 0; name += step, n -= (size_t)step) {
                step = utf8_step(name, n);
                if (step < 0 || (unsigned char)*name < ' ' || strchr("\x7f*?[]\\,/", *name))
                        return false;
        }
        return true;
}
