#include "journal/journal_life_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/database.h"
#include "journal/journal_rig.h"
#include "util/mem.h"

// --- the disk --------------------------------------------------------------------------------

atomic_uint life_n_syncs;
atomic_int life_refusal;
atomic_bool life_hangs;
atomic_int life_n_hanging;

// What libc has under these names; SQLite finds these first.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
int fdatasync(int fd);
ssize_t pread64(int fd, void *bytes, size_t n, off64_t offset);
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset);

int fdatasync(int fd) {
        atomic_fetch_add(&life_n_syncs, 1);
        return (int)syscall(SYS_fdatasync, fd);
}

static void disk_wait(void) {
        atomic_fetch_add(&life_n_hanging, 1);
        while (atomic_load(&life_hangs))
                usleep(1000);
        atomic_fetch_sub(&life_n_hanging, 1);
}

ssize_t pread64(int fd, void *bytes, size_t n, off64_t offset) {
        disk_wait();
        return syscall(SYS_pread64, fd, bytes, n, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset) {
        int code = atomic_load(&life_refusal);

        disk_wait();
        if (code == 0)
                return syscall(SYS_pwrite64, fd, bytes, n, offset);
        errno = code;
        return -1;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)

// --- a journal and who hears of it -----------------------------------------------------------

void life_heard_add(struct heard *heard, size_t *n, const struct row *row) {
        assert_true(*n < LIFE_HEARD_MAX);
        heard[(*n)++] =
                (struct heard){.row = row_copy(row), .syncs = atomic_load(&life_n_syncs)};
}

void life_heard_drop(struct heard *heard, size_t *n) {
        while (*n > 0)
                row_free(heard[--*n].row);
}

static void on_shown(void *context, const struct row *row) {
        struct life *life = context;

        life_heard_add(life->shown, &life->n_shown, row);
}

static void on_row(void *context, const struct row *row) {
        struct life *life = context;

        life_heard_add(life->watched, &life->n_watched, row);
}

static void on_durable(void *context, const struct row *row) {
        struct life *life = context;

        life_heard_add(life->durable, &life->n_durable, row);
}

static void on_patience(void *context) {
        (void)context;
        fail_msg("%s", "half a minute has passed");
}

static void on_look(void *context) {
        struct life *life = context;

        if (life->is_there(life))
                loop_stop(life->loop);
        else
                loop_timer_set(life->look, 2 * NSEC_PER_MSEC);
}

void life_run_until(struct life *life, bool (*is_there)(struct life *life)) {
        life->is_there = is_there;
        loop_timer_set(life->patience, 30 * NSEC_PER_SEC);
        loop_timer_set(life->look, 0);
        loop_run(life->loop);
        loop_timer_cancel(life->patience);
}

bool life_all_are_shown(struct life *life) {
        return life->n_shown >= life->n_expected;
}

bool life_all_are_durable(struct life *life) {
        return life->n_durable >= life->n_expected;
}

bool life_nothing_waits(struct life *life) {
        struct journal_state state;

        journal_state(life->journal, &state);
        return state.n_waiting == 0;
}

bool life_has_trouble(struct life *life) {
        struct journal_state state;

        journal_state(life->journal, &state);
        return !state.can_write;
}

static bool is_forgotten(struct life *life) {
        return life->is_forgotten;
}

static bool has_page(struct life *life) {
        return life->has_page;
}

void life_begin(struct life *life) {
        struct error error = {0};

        if (journal_open(&life->journal, life->loop, &life->config, &error) != 0)
                fail_msg("%s", error.text);
        journal_watch(life->journal, &life->watcher);
}

void life_end(struct life *life) {
        life->journal = journal_close(life->journal);
}

int life_setup(void **state) {
        struct life *life = xnew(struct life);

        atomic_store(&life_refusal, 0);
        life->loop = loop_new();
        life->folder = journal_rig_folder();
        life->config.folder = life->folder;
        life->patience = loop_timer_new(life->loop, on_patience, life);
        life->look = loop_timer_new(life->loop, on_look, life);
        life->watcher = (struct journal_watcher){
                .on_row = on_row, .on_durable = on_durable, .context = life};
        life_begin(life);
        *state = life;
        return 0;
}

int life_teardown(void **state) {
        struct life *life = *state;

        atomic_store(&life_refusal, 0);
        journal_close(life->journal);
        life_heard_drop(life->shown, &life->n_shown);
        life_heard_drop(life->watched, &life->n_watched);
        life_heard_drop(life->durable, &life->n_durable);
        query_page_deinit(&life->page);
        loop_timer_free(life->patience);
        loop_timer_free(life->look);
        loop_free(life->loop);
        journal_rig_remove(life->folder);
        free(life->folder);
        free(life);
        return 0;
}

void life_append(struct life *life, const char *stream, const char *text, int64_t start) {
        life->n_expected++;
        journal_append(life->journal, journal_rig_segment(stream, text, start, 0), on_shown,
                       life);
}

void life_append_many(struct life *life, size_t n) {
        for (size_t i = 0; i < n; i++) {
                CLEANUP(mem_freep) char *text = xasprintf("number %zu of many", i);

                life_append(life, "kitchen", text, 1764500000000 + (int64_t)i * 1000);
        }
}

static void on_page(void *context, struct query_page *page) {
        struct life *life = context;

        query_page_deinit(&life->page);
        life->page = *page;
        life->has_page = true;
}

const struct query_page *life_query(struct life *life, const struct query *query) {
        life->has_page = false;
        journal_read(life->journal, query, on_page, life);
        life_run_until(life, has_page);
        return &life->page;
}

const struct query_page *life_read(struct life *life, const char *words) {
        return life_query(life, &(struct query){.words = (char *)words});
}

char *life_path(const struct life *life, const char *ending) {
        return xasprintf("%s/" DATABASE_FILE "%s", life->folder, ending);
}

static void on_forgotten(void *context, uint64_t n_rows, const char *trouble) {
        struct life *life = context;

        life->is_forgotten = true;
        life->n_forgotten = n_rows;
        snprintf(life->trouble, sizeof(life->trouble), "%s", trouble);
}

void life_forget(struct life *life, const char *stream, int64_t since, int64_t until) {
        life->is_forgotten = false;
        journal_forget(life->journal, stream, since, until, on_forgotten, life);
        life_run_until(life, is_forgotten);
}

void life_damage(const struct life *life, off_t at, size_t n) {
        CLEANUP(mem_freep) char *path = life_path(life, "");
        int fd = open(path, O_RDWR | O_CLOEXEC);

        assert_true(fd >= 0);
        for (size_t i = 0; i < n; i++) {
                uint8_t byte;

                assert_int_equal(pread(fd, &byte, 1, at + (off_t)i), 1);
                byte ^= 0x40;
                assert_int_equal(syscall(SYS_pwrite64, fd, &byte, 1, at + (off_t)i), 1);
        }
        close(fd);
}
