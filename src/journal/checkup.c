#include "journal/checkup.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "journal/database.h"
#include "util/mem.h"
#include "util/thread.h"

// Steps of SQLite's machine between two looks at whether it is to stop.
#define STEPS 10000

#define NICENESS 10

struct checkup {
        char *folder;
        unsigned generation;
        void (*on_damage)(void *context, unsigned generation, const char *words);
        void *context;
        pthread_t thread;
        sem_t ended;
        atomic_bool is_stopping;
};

static int on_progress(void *context) {
        struct checkup *checkup = context;

        return atomic_load(&checkup->is_stopping);
}

// What is wrong, for the caller to free; NULL when nothing is, or it cannot be said.
static char *database_ask(sqlite3 *sqlite) {
        CLEANUP(database_finalizep) sqlite3_stmt *statement = NULL;
        struct error error = {0};
        const char *answer;
        int r = database_prepare(&statement, sqlite, "PRAGMA quick_check(1)", &error);

        if (r == 0 && sqlite3_step(statement) != SQLITE_ROW)
                r = database_error(sqlite, "quick check", &error);
        if (r != 0)
                return r == DATABASE_E_DAMAGED ? xstrdup(error.text) : NULL;
        answer = (const char *)sqlite3_column_text(statement, 0);
        return answer && strcmp(answer, "ok") != 0 ? xstrdup(answer) : NULL;
}

static void *checkup_run(void *context) {
        struct checkup *checkup = context;
        CLEANUP(mem_freep) char *words = NULL;
        struct database database;
        struct error error = {0};
        int r;

        // Reading all of it takes a while, and nobody waits for it.
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
        r = database_open(&database, checkup->folder, DATABASE_READ, &error);

        if (r == DATABASE_E_DAMAGED)
                words = xstrdup(error.text);
        if (r == 0) {
                sqlite3_progress_handler(database.sqlite, STEPS, on_progress, checkup);
                words = database_ask(database.sqlite);
        }
        if (words)
                checkup->on_damage(checkup->context, checkup->generation, words);
        database_close(&database);
        sem_post(&checkup->ended);
        return NULL;
}

struct checkup *checkup_start(const char *folder, unsigned generation,
                              void (*on_damage)(void *context, unsigned generation,
                                                const char *words),
                              void *context) {
        struct checkup *checkup = xnew(struct checkup);

        checkup->folder = xstrdup(folder);
        checkup->generation = generation;
        checkup->on_damage = on_damage;
        checkup->context = context;
        sem_init(&checkup->ended, 0, 0);
        if (thread_start(&checkup->thread, "journal-checkup", checkup_run, checkup) == 0)
                return checkup;
        free(checkup->folder);
        return mem_free(checkup);
}

bool checkup_stop(struct checkup *checkup, nsec_t until) {
        if (!checkup)
                return true;
        atomic_store(&checkup->is_stopping, true);
        if (!thread_join_until(&checkup->thread, 1, &checkup->ended, until))
                return false;
        sem_destroy(&checkup->ended);
        free(checkup->folder);
        free(checkup);
        return true;
}
