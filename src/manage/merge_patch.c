#include "manage/merge_patch.h"

#include <stdint.h>

json_t *merge_patch(const json_t *target, const json_t *patch) {
        json_t *result, *value;
        const char *key;

        if (!json_is_object(patch))
                return json_deep_copy(patch);
        result = json_is_object(target) ? json_deep_copy(target) : json_object();
        json_object_foreach((json_t *)(uintptr_t)patch, key, value) {
                if (json_is_null(value))
                        json_object_del(result, key);
                else
                        json_object_set_new(result, key,
                                            merge_patch(json_object_get(result, key), value));
        }
        return result;
}
