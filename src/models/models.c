#include "models/models.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/home.h"
#include "util/mem.h"
#include "util/redact.h"

#define VAD_NAME          "silero-vad"
#define CONNECT_SECONDS   10L
#define LOW_SPEED_SECONDS 30L
#define LOW_SPEED_BYTES   1024L  // per second, for so long: the transfer is as good as dead
#define REDIRECTS_MAX     10L    // the hub sends large files through a chain of two or three
#define SHA256_HEX        (2 * 32 + 1)
#define COPY_BYTES        (256 * 1024)
#define LOCK_NAME         ".lock"
#define PART_SUFFIX       ".part"

// --- Places -------------------------------------------------------------------------------

char *models_default_folder(void) {
        const char *home = getenv("XDG_DATA_HOME");  // NOLINT(concurrency-mt-unsafe): at start
        CLEANUP(mem_freep) char *own = NULL;

        // The XDG base directory specification: a relative path is to be ignored.
        if (home && home[0] == '/')
                return xasprintf("%s/eavesdrop/models", home);
        own = home_folder();
        return own ? xasprintf("%s/.local/share/eavesdrop/models", own) : NULL;
}

// 0 when there is a folder; -ENOENT with what to do for NULL.
static int folder_require(const char *folder, struct error *error) {
        if (folder)
                return 0;
        return error_set(error, -ENOENT,
                         "there is no folder for models: HOME is not set, and the user has no "
                         "home folder; name one with --model-dir or EAVESDROP_MODEL_DIR");
}

static char *file_path(const struct model_entry *entry, size_t i, const char *folder) {
        return xasprintf("%s/%s/%s", folder, entry->name, entry->files[i].name);
}

bool models_is_present(const struct model_entry *entry, const char *folder) {
        if (!folder)
                return false;
        for (size_t i = 0; i < entry->n_files; i++) {
                CLEANUP(mem_freep) char *path = file_path(entry, i, folder);
                struct stat status;

                if (stat(path, &status) < 0 || status.st_size != entry->files[i].size)
                        return false;
        }
        return true;
}

static int entry_resolve(char **ret, const struct model_entry *entry, const char *folder,
                         struct error *error) {
        int r = folder_require(folder, error);

        if (r < 0)
                return r;
        if (!models_is_present(entry, folder))
                return error_set(error, -ENOENT,
                                 "the model %s is not in %s; run: eavesdrop model fetch %s",
                                 entry->name, folder, entry->name);
        *ret = entry->n_files == 1 ? file_path(entry, 0, folder)
                                   : xasprintf("%s/%s", folder, entry->name);
        return 0;
}

int models_resolve(char **ret, const char *name_or_path, const char *folder,
                   struct error *error) {
        const struct model_entry *entry = models_find(name_or_path);
        CLEANUP(mem_freep) char *shown = NULL;
        struct stat status;
        int code;

        if (entry)
                return entry_resolve(ret, entry, folder, error);
        if (stat(name_or_path, &status) == 0) {
                *ret = xstrdup(name_or_path);
                return 0;
        }
        code = errno;
        shown = redact_value(name_or_path);
        if (strchr(name_or_path, '/'))
                return error_set(error, -ENOENT, "the model %s: %s", shown,
                                 strerrordesc_np(code));
        return error_set(error, -ENOENT,
                         "the model %s is neither a path nor a known name; see: eavesdrop "
                         "model list",
                         shown);
}

int models_resolve_vad(char **ret, const char *folder, struct error *error) {
        return entry_resolve(ret, models_find(VAD_NAME), folder, error);
}

// --- The hub: one file of a model over HTTPS -----------------------------------------------

// Whom to tell about bytes that arrive.
struct fetch_progress {
        models_progress function;  // may be NULL
        void *context;
};

// One transfer, for curl's callbacks.
struct transfer {
        const struct model_file *file;
        const struct fetch_progress *progress;
        FILE *out;
        int64_t done;
        bool is_too_long;
        bool has_write_error;
};

static size_t transfer_write(char *bytes, size_t size, size_t n, void *context) {
        struct transfer *transfer = context;
        size_t length = size * n;

        if (transfer->done + (int64_t)length > transfer->file->size) {
                transfer->is_too_long = true;
                return 0;
        }
        if (fwrite(bytes, 1, length, transfer->out) != length) {
                transfer->has_write_error = true;
                return 0;
        }
        transfer->done += (int64_t)length;
        if (transfer->progress->function)
                transfer->progress->function(transfer->progress->context, transfer->file->name,
                                             transfer->done, transfer->file->size);
        return length;
}

static CURL *curl_free_easy(CURL *curl) {
        curl_easy_cleanup(curl);
        return NULL;
}

DEFINE_CLEANUP(CURL *, curl_free_easy);

static void curl_configure(CURL *curl, const char *url, struct transfer *transfer,
                           char *trouble) {
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
        // What was asked for safely must not be answered unsafely.
        curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                         strncmp(url, "https:", 6) == 0 ? "https" : "https,http");
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_SECONDS);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "eavesdrop/" EAVESDROP_VERSION);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, trouble);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, transfer_write);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
}

static int transfer_judge(const struct transfer *transfer, CURLcode code, const char *url,
                          const char *trouble, struct error *error) {
        if (transfer->is_too_long)
                return error_set(error, -EBADMSG, "%s is longer than %s has to be", url,
                                 transfer->file->name);
        if (transfer->has_write_error)
                return error_set(error, -EIO, "%s cannot be written: disk full?",
                                 transfer->file->name);
        if (code != CURLE_OK)
                return error_set(error, -ENETUNREACH, "%s: %s", url,
                                 *trouble ? trouble : curl_easy_strerror(code));
        return 0;
}

// Download one file of the entry from the hub to `path`. -ENETUNREACH when the hub did not
// answer as it should (out of reach, refused, 404 and the like), -EBADMSG when it sent more
// bytes than the file has, other codes for trouble with writing here.
static int hub_download(const struct model_entry *entry, const struct model_file *file,
                        const char *path, const struct fetch_progress *progress,
                        struct error *error) {
        const char *host =
                getenv(MODELS_HUB_VARIABLE);  // NOLINT(concurrency-mt-unsafe): at start
        CLEANUP(mem_freep)
        char *url = xasprintf("%s/%s/%s", host && *host ? host : entry->host, entry->path,
                              file->name);
        // A mirror's address may carry a password.
        CLEANUP(mem_freep) char *shown = redact_urls(url);
        CLEANUP(curl_free_easyp) CURL *curl = NULL;
        char trouble[CURL_ERROR_SIZE] = "";
        struct transfer transfer = {.file = file, .progress = progress};
        CURLcode code;

        curl = curl_easy_init();
        if (!curl)
                return error_set(error, -ENOMEM, "no memory for a download");
        transfer.out = fopen(path, "wbe");
        if (!transfer.out)
                return error_set(error, -errno, "%s: %m", path);
        curl_configure(curl, url, &transfer, trouble);
        code = curl_easy_perform(curl);
        if (fclose(transfer.out) != 0)
                transfer.has_write_error = true;
        return transfer_judge(&transfer, code, shown, trouble, error);
}

// --- Fetching -----------------------------------------------------------------------------

/* Each file to a temporary name beside its place, checked, renamed. A lock on
 * the model's folder keeps two fetches of the same model apart; the later one finds the work
 * done.
 */

static EVP_MD_CTX *digest_free(EVP_MD_CTX *digest) {
        EVP_MD_CTX_free(digest);
        return NULL;
}

DEFINE_CLEANUP(EVP_MD_CTX *, digest_free);

static void fd_close(const int *fd) {
        if (*fd >= 0)
                close(*fd);
}

static int file_sha256(int fd, char ret[SHA256_HEX]) {
        CLEANUP(digest_freep) EVP_MD_CTX *digest = EVP_MD_CTX_new();
        CLEANUP(mem_freep) char *bytes = xcalloc(COPY_BYTES, 1);
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned n_sum;
        ssize_t n;

        if (!digest || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL))
                return -ENOMEM;
        while ((n = read(fd, bytes, COPY_BYTES)) > 0)
                if (!EVP_DigestUpdate(digest, bytes, (size_t)n))
                        return -ENOMEM;
        if (n < 0)
                return -errno;
        if (!EVP_DigestFinal_ex(digest, sum, &n_sum))
                return -ENOMEM;
        for (unsigned i = 0; i < n_sum; i++)
                snprintf(ret + 2 * (size_t)i, 3, "%02x", sum[i]);
        return 0;
}

// 0 when the file at `path` has the size and the checksum of the catalogue, -ENOENT when there
// is none, -EBADMSG with both sums in words when it is not the file.
static int file_verify(const char *path, const struct model_file *file, struct error *error) {
        CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
        char sum[SHA256_HEX];
        struct stat status;
        int r;

        if (fd < 0 || fstat(fd, &status) < 0)
                return error_set(error, -errno, "%s: %m", path);
        if (status.st_size != file->size)
                return error_set(error, -EBADMSG, "%s has %" PRId64 " bytes, expected %" PRId64,
                                 file->name, (int64_t)status.st_size, file->size);
        r = file_sha256(fd, sum);
        if (r < 0)
                return error_set(error, r, "%s: cannot be read: %s", path, strerrordesc_np(-r));
        if (strcmp(sum, file->sha256) != 0)
                return error_set(error, -EBADMSG,
                                 "%s has the wrong checksum: SHA-256 %s, expected %s",
                                 file->name, sum, file->sha256);
        return 0;
}

// The folder and those above it.
static int folder_make(const char *path, struct error *error) {
        CLEANUP(mem_freep) char *prefix = xstrdup(path);

        for (char *at = prefix + 1;; at++) {
                char kept = *at;

                if (kept != '/' && kept != 0)
                        continue;
                *at = 0;
                if (mkdir(prefix, 0777) < 0 && errno != EEXIST)
                        return error_set(error, -errno, "cannot make the folder %s: %m",
                                         prefix);
                if (!kept)
                        return 0;
                *at = kept;
        }
}

// Waits until no other fetch has it; the lock goes with the descriptor.
static int folder_lock(int *ret, const char *folder, struct error *error) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/" LOCK_NAME, folder);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        int r;

        if (fd < 0)
                return error_set(error, -errno, "cannot write to %s: %m", folder);
        do
                r = flock(fd, LOCK_EX);
        while (r < 0 && errno == EINTR);
        if (r < 0) {
                r = error_set(error, -errno, "cannot lock %s: %m", path);
                close(fd);
                return r;
        }
        *ret = fd;
        return 0;
}

// Check the file under its temporary name and put it in its place; else remove it.
static int part_accept(const char *part, const char *path, const struct model_file *file,
                       struct error *error) {
        int r = file_verify(part, file, error);

        if (r == 0 && rename(part, path) < 0)
                r = error_set(error, -errno, "cannot rename %s: %m", part);
        if (r < 0)
                unlink(part);
        return r;
}

// What to do is the user's to choose: the hub's words, and the ways around it.
static int hub_explain(const struct model_entry *entry, const char *folder,
                       const struct error *hub, struct error *error) {
        return error_set(
                error, -ENETUNREACH,
                "%s; where the model hub is out of reach, name a proxy in https_proxy "
                "or a mirror in EAVESDROP_HUB_URL, copy the model's files into %s, or, "
                "in eavesdrop's source folder, run: tools/fetch-weights PROGRAM %s",
                hub->text, folder, entry->name);
}

// Make sure of one file in the model's own folder.
static int file_fetch(const struct model_entry *entry, const struct model_file *file,
                      const char *folder, const struct fetch_progress *progress,
                      struct error *error) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, file->name);
        CLEANUP(mem_freep) char *part = xasprintf("%s" PART_SUFFIX, path);
        struct error hub;
        int r;

        if (file_verify(path, file, NULL) == 0)
                return 0;
        r = hub_download(entry, file, part, progress, &hub);
        if (r == 0)
                return part_accept(part, path, file, error);
        unlink(part);
        if (r == -ENETUNREACH)
                return hub_explain(entry, folder, &hub, error);
        return error_set(error, r, "%s", hub.text);
}

int models_fetch(const struct model_entry *entry, const char *folder, models_progress progress,
                 void *context, struct error *error) {
        CLEANUP(mem_freep) char *own = NULL;
        CLEANUP(fd_close) int lock = -1;
        const struct fetch_progress told = {progress, context};
        int r;

        r = folder_require(folder, error);
        if (r < 0)
                return r;
        own = xasprintf("%s/%s", folder, entry->name);
        r = folder_make(own, error);
        if (r < 0)
                return r;
        r = folder_lock(&lock, own, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < entry->n_files; i++) {
                r = file_fetch(entry, &entry->files[i], own, &told, error);
                if (r < 0) {
                        error_prefix(error, "%s", entry->name);
                        return r;
                }
        }
        return 0;
}
