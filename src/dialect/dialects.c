#include "dialect/dialects.h"

// Each is defined in a folder of dialect/. Eavesdrop comes before WhisperLive: a first text
// that could be either's is eavesdrop's.
#define DIALECTS(_)     \
        _(eavesdrop)    \
        _(subscriber)   \
        _(health_check) \
        _(whisperlive)

#define DECLARE(name) extern const struct dialect dialect_##name;
#define ROW(name)     &dialect_##name,

DIALECTS(DECLARE)

const struct dialect *const dialects[] = {DIALECTS(ROW) NULL};
