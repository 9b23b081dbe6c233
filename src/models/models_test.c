#include "models/models.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "models/models_rig.h"
#include "util/mem.h"

#define HELLO_SHA256 \
        "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"  // hello\n

// The environment is only touched while no other thread looks at it.
static char *environment_get(const char *name) {
        return getenv(name);  // NOLINT(concurrency-mt-unsafe)
}

// NULL takes the variable away.
static void environment_set(const char *name, const char *value) {
        if (value)
                setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe)
        else
                unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
}

// --- a hub on this machine ------------------------------------------------------------------

struct hub {
        int listener;
        pthread_t thread;
        char url[64];
        int n_requests;
};

// The answer is chosen by the file's name.
static const char *hub_answer(const char *request) {
        if (strstr(request, "/good "))
                return "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
        if (strstr(request, "/moved "))
                return "HTTP/1.1 302 Found\r\nLocation: /else/good\r\nContent-Length: "
                       "0\r\n\r\n";
        if (strstr(request, "/wrong "))
                return "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\njello\n";
        if (strstr(request, "/short "))
                return "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhel";
        if (strstr(request, "/less "))
                return "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhel";
        if (strstr(request, "/long "))
                return "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello\nhello\n";
        return "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnone\n";
}

static void *hub_run(void *context) {
        struct hub *hub = context;
        int peer;

        while ((peer = accept(hub->listener, NULL, NULL)) >= 0) {
                char request[4096] = "";
                size_t n = 0;
                ssize_t got;

                while (!strstr(request, "\r\n\r\n") &&
                       (got = read(peer, request + n, sizeof(request) - 1 - n)) > 0)
                        n += (size_t)got;
                hub->n_requests++;
                if (write(peer, hub_answer(request), strlen(hub_answer(request))) < 0)
                        perror("write");
                close(peer);
        }
        return NULL;
}

static void hub_start(struct hub *hub) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof(address);

        hub->n_requests = 0;
        hub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(hub->listener, (struct sockaddr *)&address, n), 0);
        assert_int_equal(listen(hub->listener, 8), 0);
        assert_int_equal(getsockname(hub->listener, (struct sockaddr *)&address, &n), 0);
        snprintf(hub->url, sizeof(hub->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
        assert_int_equal(pthread_create(&hub->thread, NULL, hub_run, hub), 0);
}

static void hub_stop(struct hub *hub) {
        shutdown(hub->listener, SHUT_RDWR);
        pthread_join(hub->thread, NULL);
        close(hub->listener);
}

// --- one test's surroundings ----------------------------------------------------------------

struct place {
        char folder[64];
        struct hub hub;
};

static int place_open(void **state) {
        struct place *place = xnew(struct place);

        snprintf(place->folder, sizeof(place->folder), "/tmp/models-test-XXXXXX");
        environment_set(MODELS_HUB_VARIABLE, NULL);
        environment_set("no_proxy", "127.0.0.1");
        if (!mkdtemp(place->folder))
                return -1;
        hub_start(&place->hub);
        *state = place;
        return 0;
}

static int place_close(void **state) {
        struct place *place = *state;

        hub_stop(&place->hub);
        rig_remove_folder(place->folder);
        free(place);
        return 0;
}

static struct model_file file_named(const char *name) {
        return (struct model_file){.name = name, .size = 6, .sha256 = HELLO_SHA256};
}

static struct model_entry entry_of(const struct place *place, const struct model_file *file) {
        return (struct model_entry){.name = "tiny",
                                    .host = place->hub.url,
                                    .path = "someone/model/resolve/1234",
                                    .files = file,
                                    .n_files = 1};
}

static int fetch_named(const struct place *place, const char *name, struct error *error) {
        struct model_file file = file_named(name);
        struct model_entry entry = entry_of(place, &file);

        return models_fetch(&entry, place->folder, NULL, NULL, error);
}

static bool is_there(const struct place *place, const char *name) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/tiny/%s", place->folder, name);

        return access(path, F_OK) == 0;
}

// --- the hub --------------------------------------------------------------------------------

struct progress_seen {
        int64_t done, total;
};

static void progress_note(void *context, const char *file, int64_t done, int64_t total) {
        struct progress_seen *seen = context;

        assert_string_equal(file, "good");
        assert_true(done >= seen->done);
        *seen = (struct progress_seen){done, total};
}

static void good_file_is_fetched_once(void **state) {
        struct place *place = *state;
        struct model_file file = file_named("good");
        struct model_entry entry = entry_of(place, &file);
        struct progress_seen seen = {0};

        assert_false(models_is_present(&entry, place->folder));
        assert_int_equal(models_fetch(&entry, place->folder, progress_note, &seen, NULL), 0);
        assert_int_equal(seen.done, 6);
        assert_int_equal(seen.total, 6);
        assert_true(models_is_present(&entry, place->folder));
        assert_false(is_there(place, "good.part"));
        assert_int_equal(models_fetch(&entry, place->folder, NULL, NULL, NULL), 0);
        assert_int_equal(place->hub.n_requests, 1);
}

static void damaged_file_is_fetched_again(void **state) {
        struct place *place = *state;
        CLEANUP(mem_freep) char *path = xasprintf("%s/tiny/good", place->folder);
        FILE *file;

        assert_int_equal(fetch_named(place, "good", NULL), 0);
        file = fopen(path, "we");
        fputs("jello\n", file);
        fclose(file);
        assert_int_equal(fetch_named(place, "good", NULL), 0);
        assert_int_equal(place->hub.n_requests, 2);
}

static void redirects_are_followed(void **state) {
        assert_int_equal(fetch_named(*state, "moved", NULL), 0);
        assert_true(is_there(*state, "moved"));
}

static void mirror_is_asked_instead(void **state) {
        struct place *place = *state;
        struct model_file file = file_named("good");
        struct model_entry entry = entry_of(place, &file);

        entry.host = "http://127.0.0.1:1";
        environment_set(MODELS_HUB_VARIABLE, place->hub.url);
        assert_int_equal(models_fetch(&entry, place->folder, NULL, NULL, NULL), 0);
        environment_set(MODELS_HUB_VARIABLE, NULL);
}

static void assert_refused(const struct place *place, const char *name, int code,
                           const char *words) {
        CLEANUP(mem_freep) char *part = xasprintf("%s.part", name);
        struct error error = {0};

        assert_int_equal(fetch_named(place, name, &error), code);
        if (!strstr(error.text, words) || !strstr(error.text, "tiny: "))
                fail_msg("'%s' lacks '%s'", error.text, words);
        assert_false(is_there(place, name));
        assert_false(is_there(place, part));
}

static void wrong_answers_are_refused(void **state) {
        assert_refused(*state, "wrong", -EBADMSG, "wrong has the wrong checksum: SHA-256 ");
        assert_refused(*state, "less", -EBADMSG, "less has 3 bytes, expected 6");
        assert_refused(*state, "long", -EBADMSG, "is longer than long has to be");
        assert_refused(*state, "short", -ENETUNREACH, "/someone/model/resolve/1234/short");
        assert_refused(*state, "absent", -ENETUNREACH, "404");
}

// Nothing else is tried: no program runs that could be found somewhere else than expected.
static void hub_out_of_reach_is_explained(void **state) {
        struct place *place = *state;
        struct model_file file = file_named("good");
        struct model_entry entry = entry_of(place, &file);
        struct error error = {0};

        entry.host = "http://127.0.0.1:1";
        assert_int_equal(models_fetch(&entry, place->folder, NULL, NULL, &error), -ENETUNREACH);
        assert_non_null(strstr(error.text, "tiny: http://127.0.0.1:1/someone/model/"));
        assert_non_null(strstr(error.text, "a mirror in EAVESDROP_HUB_URL"));
        assert_non_null(strstr(error.text, place->folder));
        assert_non_null(strstr(error.text, "tools/fetch-weights PROGRAM tiny"));
        assert_false(is_there(place, "good"));
        assert_false(is_there(place, "good.part"));
}

static void password_of_a_mirror_is_not_shown(void **state) {
        struct place *place = *state;
        struct error error = {0};

        environment_set(MODELS_HUB_VARIABLE, "http://user:secret@127.0.0.1:1");
        assert_int_equal(fetch_named(place, "good", &error), -ENETUNREACH);
        environment_set(MODELS_HUB_VARIABLE, NULL);
        assert_null(strstr(error.text, "secret"));
}

static void place_that_cannot_be_written_is_told(void **state) {
        struct place *place = *state;
        CLEANUP(mem_freep) char *path = xasprintf("%s/file", place->folder);
        struct model_file file = file_named("good");
        struct model_entry entry = entry_of(place, &file);
        struct error error = {0};

        fclose(fopen(path, "we"));
        assert_int_equal(models_fetch(&entry, path, NULL, NULL, &error), -ENOTDIR);
        assert_non_null(strstr(error.text, "cannot make the folder"));
}

// --- names and paths ------------------------------------------------------------------------

static void catalogue_is_well_formed(void **state) {
        size_t n;
        const struct model_entry *entries = models_catalogue(&n);

        (void)state;
        assert_true(n >= 3);
        for (size_t i = 0; i < n; i++) {
                assert_ptr_equal(models_find(entries[i].name), &entries[i]);
                assert_int_equal(strncmp(entries[i].host, "https://", 8), 0);
                assert_true(entries[i].n_files > 0);
                for (size_t f = 0; f < entries[i].n_files; f++) {
                        const struct model_file *file = &entries[i].files[f];

                        assert_true(file->size > 0);
                        assert_int_equal(strlen(file->sha256), 64);
                        assert_int_equal(strspn(file->sha256, "0123456789abcdef"), 64);
                }
        }
        assert_null(models_find("base.xx"));
}

static void sparse_file(const char *folder, const char *name, const struct model_file *file) {
        CLEANUP(mem_freep) char *own = xasprintf("%s/%s", folder, name);
        CLEANUP(mem_freep) char *path = xasprintf("%s/%s", own, file->name);

        mkdir(own, 0777);
        fclose(fopen(path, "we"));
        assert_int_equal(truncate(path, file->size), 0);
}

static void names_and_paths_are_resolved(void **state) {
        const char *folder = ((struct place *)*state)->folder;
        const struct model_entry *base = models_find("base");
        CLEANUP(mem_freep) char *expected = xasprintf("%s/base", folder);
        CLEANUP(mem_freep) char *by_name = NULL;
        CLEANUP(mem_freep) char *by_path = NULL;
        CLEANUP(mem_freep) char *vad = NULL;
        struct error error = {0};

        assert_int_equal(models_resolve(&by_name, "base", folder, &error), -ENOENT);
        assert_non_null(strstr(error.text, "run: eavesdrop model fetch base"));
        for (size_t i = 0; i < base->n_files; i++)
                sparse_file(folder, "base", &base->files[i]);
        assert_int_equal(models_resolve(&by_name, "base", folder, NULL), 0);
        assert_string_equal(by_name, expected);
        assert_int_equal(models_resolve(&by_path, folder, "/nowhere", NULL), 0);
        assert_string_equal(by_path, folder);
        assert_int_equal(models_resolve(&vad, "./absent.bin", folder, &error), -ENOENT);
        assert_non_null(strstr(error.text, "./absent.bin: No such file"));
        assert_int_equal(models_resolve(&vad, "absent", folder, &error), -ENOENT);
        assert_non_null(strstr(error.text, "eavesdrop model list"));
        assert_int_equal(models_resolve_vad(&vad, folder, &error), -ENOENT);
        assert_non_null(strstr(error.text, "run: eavesdrop model fetch silero-vad"));
        sparse_file(folder, "silero-vad", models_find("silero-vad")->files);
        assert_int_equal(models_resolve_vad(&vad, folder, NULL), 0);
        assert_non_null(strstr(vad, "/silero-vad/silero_vad_16k.safetensors"));
}

static void default_folder_follows_xdg(void **state) {
        CLEANUP(mem_freep) char *home = xstrdup(environment_get("XDG_DATA_HOME"));
        CLEANUP(mem_freep) char *absolute = NULL;
        CLEANUP(mem_freep) char *relative = NULL;

        (void)state;
        environment_set("XDG_DATA_HOME", "/somewhere");
        absolute = models_default_folder();
        assert_string_equal(absolute, "/somewhere/eavesdrop/models");
        environment_set("XDG_DATA_HOME", "somewhere");
        relative = models_default_folder();
        assert_non_null(strstr(relative, "/.local/share/eavesdrop/models"));
        environment_set("XDG_DATA_HOME", home);
}

static void without_a_home_the_remedy_is_told(void **state) {
        struct error error = {0};
        char *path = NULL;

        (void)state;
        assert_false(models_is_present(models_find("base"), NULL));
        assert_int_equal(models_resolve(&path, "base", NULL, &error), -ENOENT);
        assert_non_null(strstr(error.text, "--model-dir"));
        assert_int_equal(models_fetch(models_find("base"), NULL, NULL, NULL, &error), -ENOENT);
        assert_non_null(strstr(error.text, "EAVESDROP_MODEL_DIR"));
        // What is named by its path needs no folder.
        assert_int_equal(models_resolve(&path, "/", NULL, &error), 0);
        free(path);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_open, place_close)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(good_file_is_fetched_once),     TEST(damaged_file_is_fetched_again),
                TEST(redirects_are_followed),        TEST(mirror_is_asked_instead),
                TEST(wrong_answers_are_refused),     TEST(place_that_cannot_be_written_is_told),
                TEST(hub_out_of_reach_is_explained), TEST(password_of_a_mirror_is_not_shown),
                TEST(catalogue_is_well_formed),      TEST(names_and_paths_are_resolved),
                TEST(default_folder_follows_xdg),    TEST(without_a_home_the_remedy_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
