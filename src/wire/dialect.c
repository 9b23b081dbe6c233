#include "wire/dialect.h"

#include "wire/json_text.h"

enum wire_dialect wire_dialect_of(const char *text, size_t n) {
        enum wire_dialect dialect = WIRE_UNKNOWN;
        json_t *object = NULL;

        if (json_object_parse(&object, text, n, NULL) != 0)
                return WIRE_UNKNOWN;
        if (json_is_string(json_object_get(object, "type")))
                dialect = WIRE_EAVESDROP;
        else if (json_object_get(object, "uid"))
                dialect = WIRE_WHISPERLIVE;
        json_decref(object);
        return dialect;
}
