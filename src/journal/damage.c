#include "journal/damage.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/database.h"
#include "util/folder.h"
#include "util/mem.h"

#define ASIDE DATABASE_FILE ".damaged-"
#define COPY  DATABASE_FILE ".copy"

// --- setting aside ---------------------------------------------------------------------------

static int file_rename(const char *folder, const char *from, const char *to,
                       const char *ending) {
        CLEANUP(mem_freep) char *old = xasprintf("%s/%s%s", folder, from, ending);
        CLEANUP(mem_freep) char *new = xasprintf("%s/%s%s", folder, to, ending);

        return rename(old, new) < 0 && errno != ENOENT ? -errno : 0;
}

static void file_remove(const char *folder, const char *name) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, name);

        unlink(path);
}

// "journal.db.damaged-20261130T120000Z", with a number behind it if there is one already.
static char *name_make(const char *folder) {
        time_t now = time(NULL);
        struct tm tm;
        char date[32];

        gmtime_r(&now, &tm);
        strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm);
        for (unsigned i = 0;; i++) {
                CLEANUP(mem_freep)
                char *name =
                        i ? xasprintf(ASIDE "%s-%u", date, i + 1) : xasprintf(ASIDE "%s", date);
                CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, name);

                if (access(path, F_OK) < 0)
                        return TAKE(name);
        }
}

int damage_set_aside(const char *folder, char **ret_name, struct error *error) {
        CLEANUP(mem_freep) char *name = name_make(folder);
        int r = file_rename(folder, DATABASE_FILE, name, "-wal");

        // The database last: what lies beside one that is not there would become the next
        // one's.
        file_remove(folder, DATABASE_FILE "-shm");
        if (r == 0)
                r = file_rename(folder, DATABASE_FILE, name, "");
        if (r == 0)
                r = folder_sync(folder);
        if (r < 0)
                return error_set(error, r, "cannot set the damaged database aside in %s: %s",
                                 folder, strerrordesc_np(-r));
        *ret_name = TAKE(name);
        return 0;
}

size_t damage_count(const char *folder, char **ret_name) {
        DIR *entries = opendir(folder);
        size_t n = 0;

        *ret_name = NULL;
        if (!entries)
                return 0;
        for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
                if (strncmp(entry->d_name, ASIDE, strlen(ASIDE)) != 0 ||
                    strstr(entry->d_name, "-wal"))
                        continue;
                if (n++ == 0)
                        *ret_name = xstrdup(entry->d_name);
        }
        closedir(entries);
        return n;
}

// --- copying ---------------------------------------------------------------------------------

void damage_tidy(const char *folder) {
        file_remove(folder, COPY);
        file_remove(folder, COPY "-journal");
}

static int pages_copy(sqlite3 *from, sqlite3 *to, struct error *error) {
        sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

        if (!backup)
                return database_error(to, "cannot copy the database", error);
        sqlite3_backup_step(backup, -1);
        if (sqlite3_backup_finish(backup) != SQLITE_OK)
                return database_error(to, "cannot copy the database", error);
        return 0;
}

static int copy_write(sqlite3 *from, const char *path, const char *folder,
                      struct error *error) {
        sqlite3 *to = NULL;
        int r = database_file_make(path, folder, error);

        if (r == 0 && sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                      NULL) != SQLITE_OK)
                r = database_error(to, path, error);
        if (r == 0)
                r = pages_copy(from, to, error);
        sqlite3_close(to);
        return r;
}

int damage_copy(sqlite3 *from, const char *folder, struct error *error) {
        CLEANUP(mem_freep) char *copy = xasprintf("%s/" COPY, folder);
        CLEANUP(mem_freep) char *path = xasprintf("%s/" DATABASE_FILE, folder);
        int r = folder_make(folder);

        if (r < 0)
                return error_set(error, r, "cannot make the folder %s: %s", folder,
                                 strerrordesc_np(-r));
        damage_tidy(folder);
        r = copy_write(from, copy, folder, error);
        if (r != 0)
                return r;
        r = rename(copy, path) < 0 ? -errno : folder_sync(folder);
        // What lay beside the old one must not become the new one's. All of it is in the copy,
        // so that it does no harm until then.
        file_remove(folder, DATABASE_FILE "-wal");
        file_remove(folder, DATABASE_FILE "-shm");
        return r < 0 ? error_set(error, r, "cannot put a copy of the database into %s: %s",
                                 folder, strerrordesc_np(-r))
                     : 0;
}
