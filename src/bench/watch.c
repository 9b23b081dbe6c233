#include "bench/watch.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/dialer.h"
#include "util/mem.h"

#define INTERVAL      NSEC_PER_SEC
#define PROCESSES_MAX 4096  // children of a server that are looked at

struct watch {
        struct loop *loop;
        int pid;
        char *url;  // of the metrics; NULL with a pid
        struct dialer *dialer;
        struct loop_timer *timer;
        enum { SPAN_BEFORE, SPAN_BEGIN, SPAN_WITHIN, SPAN_END, SPAN_AFTER } span;
        nsec_t began, ended;
        double cpu_began, cpu_ended;
        struct watch_figures figures;
};

static void sample_take(struct watch *watch, double cpu_seconds, double bytes) {
        nsec_t now = loop_now(watch->loop);

        if (!watch->figures.by)
                watch->figures.idle_bytes = watch->figures.peak_bytes = bytes;
        watch->figures.by = watch->pid ? "pid" : "metrics";
        if (bytes > watch->figures.peak_bytes)
                watch->figures.peak_bytes = bytes;
        if (watch->span == SPAN_BEGIN) {
                watch->span = SPAN_WITHIN;
                watch->began = now;
                watch->cpu_began = cpu_seconds;
        }
        if (watch->span == SPAN_WITHIN || watch->span == SPAN_END) {
                watch->ended = now;
                watch->cpu_ended = cpu_seconds;
                if (watch->span == SPAN_END)
                        watch->span = SPAN_AFTER;
        }
}

// --- by process id -----------------------------------------------------------------------

struct process_stat {
        int parent;
        double cpu_seconds;
        double bytes;
};

// proc(5): fields 4 (ppid), 14 and 15 (utime, stime), 24 (rss), counted after the name, which
// may hold anything and ends at the last parenthesis.
static bool stat_read(int pid, struct process_stat *ret) {
        char path[32], line[1024];
        const char *at;
        FILE *file;
        double fields[25] = {0};
        bool has_line;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        file = fopen(path, "re");
        if (!file)
                return false;
        has_line = fgets(line, sizeof(line), file);
        (void)fclose(file);
        at = has_line ? strrchr(line, ')') : NULL;
        if (!at || strlen(at) < 4)
                return false;
        at += 3;  // past the state, field 3
        for (size_t i = 4; i <= 24; i++) {
                char *end = NULL;

                fields[i] = strtod(at, &end);
                at = end;
        }
        ret->parent = (int)fields[4];
        ret->cpu_seconds = (fields[14] + fields[15]) / (double)sysconf(_SC_CLK_TCK);
        ret->bytes = fields[24] * (double)sysconf(_SC_PAGESIZE);
        return true;
}

// Add up the process and all that descend from it. /proc lists by number, and children come
// mostly after their parents, but not always: go on until nothing new is found.
static bool tree_read(int root, struct process_stat *ret) {
        int *family = xcalloc(PROCESSES_MAX, sizeof(*family));
        size_t n = 0, n_before;
        struct dirent **entries = NULL;
        int n_entries = scandir("/proc", &entries, NULL, NULL);

        *ret = (struct process_stat){0};
        if (stat_read(root, ret))
                family[n++] = root;
        do {
                n_before = n;
                for (int i = 0; i < n_entries && n > 0; i++) {
                        int pid = (int)strtol(entries[i]->d_name, NULL, 10);
                        bool is_known = pid <= 0 || n == PROCESSES_MAX, is_child = false;
                        struct process_stat stat;

                        for (size_t j = 0; j < n && !is_known; j++)
                                is_known = family[j] == pid;
                        if (is_known || !stat_read(pid, &stat))
                                continue;
                        for (size_t j = 0; j < n; j++)
                                is_child = is_child || family[j] == stat.parent;
                        if (!is_child)
                                continue;
                        family[n++] = pid;
                        ret->cpu_seconds += stat.cpu_seconds;
                        ret->bytes += stat.bytes;
                }
        } while (n > n_before);
        for (int i = 0; i < n_entries; i++)
                free(entries[i]);
        free(entries);
        free(family);
        return n > 0;
}

// --- by /metrics -------------------------------------------------------------------------

// The value of a metric without labels; NAN when it is not there.
static double metric_find(const char *text, const char *name) {
        size_t n = strlen(name);

        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += line != text;
                if (strncmp(line, name, n) == 0 && line[n] == ' ')
                        return strtod(line + n, NULL);
        }
        return NAN;
}

static void watch_next(void *context) {
        struct watch *watch = context;

        watch->dialer = dialer_close(watch->dialer);
}

static void watch_on_answer(void *context, int status, const char *body, size_t n) {
        struct watch *watch = context;
        double cpu = metric_find(body, "eavesdrop_cpu_seconds_total");
        double bytes = metric_find(body, "eavesdrop_resident_memory_bytes");

        (void)n;
        if (status == 200 && isfinite(cpu) && isfinite(bytes))
                sample_take(watch, cpu, bytes);
        watch_next(watch);
}

static void watch_on_failure(void *context, const struct error *error) {
        (void)error;  // it may have none, or be too busy
        watch_next(context);
}

static void metrics_ask(struct watch *watch) {
        struct dialer_handler handler = {
                .on_answer = watch_on_answer,
                .on_failure = watch_on_failure,
                .context = watch,
        };

        // The last question may still be open.
        if (!watch->dialer)
                (void)dialer_open(&watch->dialer, watch->loop, watch->url, &handler, NULL);
}

// --- life --------------------------------------------------------------------------------

static void watch_on_timer(void *context) {
        struct watch *watch = context;
        struct process_stat stat;

        if (!watch->pid)
                metrics_ask(watch);
        else if (tree_read(watch->pid, &stat))
                sample_take(watch, stat.cpu_seconds, stat.bytes);
        loop_timer_set(watch->timer, INTERVAL);
}

char *watch_metrics_url(const char *url) {
        const char *host = strstr(url, "://");

        host = host ? host + 3 : url;
        return xasprintf("http://%.*s/metrics", (int)strcspn(host, "/?"), host);
}

int watch_open(struct watch **ret, struct loop *loop, const char *url, int pid,
               struct error *error) {
        struct watch *watch;
        struct process_stat stat;

        if (pid && !stat_read(pid, &stat))
                return error_set(error, -ESRCH, "no process %d on this machine", pid);
        watch = xnew(struct watch);
        watch->loop = loop;
        watch->pid = pid;
        watch->url = pid ? NULL : watch_metrics_url(url);
        watch->timer = loop_timer_new(loop, watch_on_timer, watch);
        watch->figures.idle_bytes = watch->figures.peak_bytes = NAN;
        loop_timer_set(watch->timer, 0);
        *ret = watch;
        return 0;
}

struct watch *watch_close(struct watch *watch) {
        if (!watch)
                return NULL;
        dialer_close(watch->dialer);
        loop_timer_free(watch->timer);
        free(watch->url);
        return mem_free(watch);
}

void watch_begin(struct watch *watch) {
        watch->span = SPAN_BEGIN;
}

void watch_end(struct watch *watch) {
        if (watch->span == SPAN_WITHIN)
                watch->span = SPAN_END;
        else if (watch->span == SPAN_BEGIN)
                watch->span = SPAN_AFTER;
}

struct watch_figures watch_figures(const struct watch *watch) {
        struct watch_figures figures = watch->figures;

        figures.seconds = (double)(watch->ended - watch->began) / NSEC_PER_SEC;
        figures.cpu_seconds = watch->cpu_ended - watch->cpu_began;
        return figures;
}
