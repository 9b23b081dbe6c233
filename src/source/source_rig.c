#include "source/source_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

const char *const rig_media[] = {"ffmpeg", TEST_MEDIA_PROGRAM, NULL};

void rig_nursery_write(const char *path, const char *mode) {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fprintf(file, "#!/bin/sh\nexec /usr/bin/python3 " TEST_PEERS "/fake_nursery.py %s\n",
                mode);
        fclose(file);
        assert_int_equal(chmod(path, 0700), 0);
}

int rig_only_child(void) {
        return rig_only_child_of(gettid());
}

int rig_only_child_of(int process_id) {
        CLEANUP(mem_freep)
        char *path = xasprintf("/proc/%d/task/%d/children", process_id, process_id);
        FILE *file = fopen(path, "r");
        char line[64] = "", *end;
        long pid;

        assert_non_null(file);
        assert_non_null(fgets(line, sizeof(line), file));
        fclose(file);
        pid = strtol(line, &end, 10);
        assert_true(pid > 0);
        assert_string_equal(end, " ");
        return (int)pid;
}

void rig_tell_state(struct states *states, enum source_state state, const char *reason) {
        size_t n = strlen(states->told);

        assert_null(strstr(reason, RIG_PASSWORD));
        snprintf(states->told + n, sizeof(states->told) - n, "%s ", source_state_name(state));
        snprintf(states->reason, sizeof(states->reason), "%s", reason);
        states->last = state;
        states->n++;
}
