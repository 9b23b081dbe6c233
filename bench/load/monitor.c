#include "load/monitor.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/dialer.h"
#include "util/mem.h"

#define INTERVAL      NSEC_PER_SEC
#define PROCESSES_MAX 4096  // children of a server that are looked at

struct monitor {
        struct loop *loop;
        int pid;
        char *url;  // of the metrics; NULL with a pid
        struct dialer *dialer;
        struct loop_timer *timer;
        enum { SPAN_BEFORE, SPAN_BEGIN, SPAN_WITHIN, SPAN_END, SPAN_AFTER } span;
        nsec_t began, ended;
        double cpu_began, cpu_ended;
        struct monitor_figures figures;
};

static void sample_take(struct monitor *monitor, double cpu_seconds, double bytes) {
        nsec_t now = loop_now(monitor->loop);

        if (!monitor->figures.by)
                monitor->figures.idle_bytes = monitor->figures.peak_bytes = bytes;
        monitor->figures.by = monitor->pid ? "pid" : "metrics";
        if (bytes > monitor->figures.peak_bytes)
                monitor->figures.peak_bytes = bytes;
        if (monitor->span == SPAN_BEGIN) {
                monitor->span = SPAN_WITHIN;
                monitor->began = now;
                monitor->cpu_began = cpu_seconds;
        }
        if (monitor->span == SPAN_WITHIN || monitor->span == SPAN_END) {
                monitor->ended = now;
                monitor->cpu_ended = cpu_seconds;
                if (monitor->span == SPAN_END)
                        monitor->span = SPAN_AFTER;
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

static void monitor_next(void *context) {
        struct monitor *monitor = context;

        monitor->dialer = dialer_close(monitor->dialer);
}

static void monitor_on_answer(void *context, int status, const char *body, size_t n) {
        struct monitor *monitor = context;
        double cpu = metric_find(body, "eavesdrop_cpu_seconds_total");
        double bytes = metric_find(body, "eavesdrop_resident_memory_bytes");

        (void)n;
        if (status == 200 && isfinite(cpu) && isfinite(bytes))
                sample_take(monitor, cpu, bytes);
        monitor_next(monitor);
}

static void monitor_on_failure(void *context, const struct error *error) {
        (void)error;  // it may have none, or be too busy
        monitor_next(context);
}

static void metrics_ask(struct monitor *monitor) {
        struct dialer_handler handler = {
                .on_answer = monitor_on_answer,
                .on_failure = monitor_on_failure,
                .context = monitor,
        };

        // The last question may still be open.
        if (!monitor->dialer)
                (void)dialer_open(&monitor->dialer, monitor->loop, monitor->url, &handler,
                                  NULL);
}

// --- life --------------------------------------------------------------------------------

static void monitor_on_timer(void *context) {
        struct monitor *monitor = context;
        struct process_stat stat;

        if (!monitor->pid)
                metrics_ask(monitor);
        else if (tree_read(monitor->pid, &stat))
                sample_take(monitor, stat.cpu_seconds, stat.bytes);
        loop_timer_set(monitor->timer, INTERVAL);
}

char *monitor_metrics_url(const char *url) {
        const char *host = strstr(url, "://");

        host = host ? host + 3 : url;
        return xasprintf("http://%.*s/metrics", (int)strcspn(host, "/?"), host);
}

int monitor_open(struct monitor **ret, struct loop *loop, const char *url, int pid,
                 struct error *error) {
        struct monitor *monitor;
        struct process_stat stat;

        if (pid && !stat_read(pid, &stat))
                return error_set(error, -ESRCH, "no process %d on this machine", pid);
        monitor = xnew(struct monitor);
        monitor->loop = loop;
        monitor->pid = pid;
        monitor->url = pid ? NULL : monitor_metrics_url(url);
        monitor->timer = loop_timer_new(loop, monitor_on_timer, monitor);
        monitor->figures.idle_bytes = monitor->figures.peak_bytes = NAN;
        loop_timer_set(monitor->timer, 0);
        *ret = monitor;
        return 0;
}

struct monitor *monitor_close(struct monitor *monitor) {
        if (!monitor)
                return NULL;
        dialer_close(monitor->dialer);
        loop_timer_free(monitor->timer);
        free(monitor->url);
        return mem_free(monitor);
}

void monitor_begin(struct monitor *monitor) {
        monitor->span = SPAN_BEGIN;
}

void monitor_end(struct monitor *monitor) {
        if (monitor->span == SPAN_WITHIN)
                monitor->span = SPAN_END;
        else if (monitor->span == SPAN_BEGIN)
                monitor->span = SPAN_AFTER;
}

struct monitor_figures monitor_figures(const struct monitor *monitor) {
        struct monitor_figures figures = monitor->figures;

        figures.seconds = (double)(monitor->ended - monitor->began) / NSEC_PER_SEC;
        figures.cpu_seconds = monitor->cpu_ended - monitor->cpu_began;
        return figures;
}
