#include "source/source_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void rig_tell_state(struct states *states, enum source_state state, const char *reason) {
        size_t n = strlen(states->told);

        assert_null(strstr(reason, RIG_PASSWORD));
        snprintf(states->told + n, sizeof(states->told) - n, "%s ", source_state_name(state));
        snprintf(states->reason, sizeof(states->reason), "%s", reason);
        states->last = state;
        states->n++;
}
