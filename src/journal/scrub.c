#include "journal/scrub.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/database.h"
#include "util/array.h"
#include "util/mem.h"

// SQLite's file format (its documentation, "Database File Format"): sections 1.6 and 4.
#define FILE_HEADER      100  // of page 1
#define INDEX_INTERIOR   2
#define TABLE_INTERIOR   5
#define INDEX_LEAF       10
#define TABLE_LEAF       13
#define LOCK_BYTE        0x40000000  // its page holds nothing
#define WAL_HEADER       32
#define WAL_FRAME_HEADER 24

static unsigned number16(const uint8_t *bytes) {
        return (unsigned)bytes[0] << 8 | bytes[1];
}

static uint32_t number32(const uint8_t *bytes) {
        uint32_t number;

        memcpy(&number, bytes, sizeof(number));
        return be32toh(number);
}

// Pages that say where others belong (auto_vacuum) begin with a byte that looks like a tree's.
static bool is_tree_page(int64_t page, int page_size, uint8_t type) {
        int64_t lock_page = LOCK_BYTE / page_size + 1;
        int64_t map_interval = page_size / 5 + 1;
        int64_t map_page = page < 2 ? 0 : (page - 2) / map_interval * map_interval + 2;

        if (map_page == lock_page)
                map_page++;
        if (page == lock_page || page == map_page)
                return false;
        return type == INDEX_INTERIOR || type == TABLE_INTERIOR || type == INDEX_LEAF ||
               type == TABLE_LEAF;
}

// The room of that page that nothing uses; false if it has none, or no such room.
static bool page_gap(const uint8_t *bytes, int64_t page, int page_size, unsigned *ret_begin,
                     unsigned *ret_end) {
        const uint8_t *header = bytes + (page == 1 ? FILE_HEADER : 0);
        unsigned size = header[0] == INDEX_INTERIOR || header[0] == TABLE_INTERIOR ? 12 : 8;

        if (!is_tree_page(page, page_size, header[0]))
                return false;
        *ret_begin = (unsigned)(header - bytes) + size + 2 * number16(header + 3);
        *ret_end = number16(header + 5);
        if (*ret_end == 0)
                *ret_end = 65536;
        return *ret_begin < *ret_end && *ret_end <= (unsigned)page_size;
}

static bool is_zero(const uint8_t *bytes, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (bytes[i] != 0)
                        return false;
        return true;
}

// SQLite's own handle of the file: closing one of ours would give its locks back.
static int file_get(sqlite3 *sqlite, sqlite3_file **ret, struct error *error) {
        if (sqlite3_file_control(sqlite, "main", SQLITE_FCNTL_FILE_POINTER, ret) != SQLITE_OK ||
            !(*ret)->pMethods)
                return error_set(error, -EIO, "the database's file is not open");
        return 0;
}

static int page_scrub(struct scrub *scrub, sqlite3_file *file, int64_t page, uint8_t *bytes,
                      struct error *error) {
        sqlite3_int64 offset = (page - 1) * (sqlite3_int64)scrub->page_size;
        unsigned begin, end;

        if (file->pMethods->xRead(file, bytes, scrub->page_size, offset) != SQLITE_OK)
                return error_set(error, -EIO, "cannot read the database's file");
        if (!page_gap(bytes, page, scrub->page_size, &begin, &end) ||
            is_zero(bytes + begin, end - begin))
                return 0;
        memset(bytes + begin, 0, end - begin);
        scrub->n_changed++;
        if (file->pMethods->xWrite(file, bytes + begin, (int)(end - begin), offset + begin) !=
            SQLITE_OK)
                return error_set(error, -EIO, "cannot write the database's file");
        return 0;
}

static int file_sync(sqlite3_file *file, struct error *error) {
        if (file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) != SQLITE_OK)
                return error_set(error, -EIO, "cannot write the database's file");
        return 0;
}

void scrub_begin(struct scrub *scrub, sqlite3 *sqlite) {
        scrub_deinit(scrub);
        *scrub = (struct scrub){
                .next = 1,
                .end = database_number(sqlite, "PRAGMA page_count", 0) + 1,
                .page_size = (int)database_number(sqlite, "PRAGMA page_size", 4096),
        };
}

int scrub_step(struct scrub *scrub, sqlite3 *sqlite, size_t n, bool *ret_done,
               struct error *error) {
        CLEANUP(mem_freep) char *bytes = xcalloc((size_t)scrub->page_size, 1);
        sqlite3_file *file;
        int r = file_get(sqlite, &file, error);

        for (; n > 0 && scrub->next < scrub->end && r == 0; n--)
                r = page_scrub(scrub, file, scrub->next++, (uint8_t *)bytes, error);
        *ret_done = r == 0 && scrub->next >= scrub->end;
        return *ret_done ? file_sync(file, error) : r;
}

void scrub_note(struct scrub *scrub, const char *folder) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/" DATABASE_FILE "-wal", folder);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        uint8_t header[WAL_FRAME_HEADER];

        if (fd < 0)
                return;
        for (off_t at = WAL_HEADER; pread(fd, header, sizeof(header), at) == sizeof(header);
             at += WAL_FRAME_HEADER + scrub->page_size) {
                scrub->pages = array_grow(scrub->pages, scrub->n_pages, &scrub->capacity,
                                          sizeof(*scrub->pages));
                scrub->pages[scrub->n_pages++] = number32(header);
        }
        close(fd);
}

int scrub_rest(struct scrub *scrub, sqlite3 *sqlite, struct error *error) {
        CLEANUP(mem_freep) char *bytes = xcalloc((size_t)scrub->page_size, 1);
        int64_t last = database_number(sqlite, "PRAGMA page_count", 0);
        sqlite3_file *file;
        int r = file_get(sqlite, &file, error);

        for (size_t i = 0; i < scrub->n_pages && r == 0; i++)
                if (scrub->pages[i] >= 1 && scrub->pages[i] <= last)
                        r = page_scrub(scrub, file, scrub->pages[i], (uint8_t *)bytes, error);
        return r == 0 ? file_sync(file, error) : r;
}

void scrub_deinit(struct scrub *scrub) {
        free(scrub->pages);
        *scrub = (struct scrub){0};
}
