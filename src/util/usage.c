#include "util/usage.h"

#include <dirent.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static double resident_bytes(void) {
        FILE *file = fopen("/proc/self/statm", "re");
        unsigned long pages = 0;
        char line[256];

        if (!file)
                return 0;
        if (fgets(line, sizeof(line), file)) {
                char *second = strchr(line, ' ');  // the first is the size of all mappings

                pages = second ? strtoul(second, NULL, 10) : 0;
        }
        (void)fclose(file);
        return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double descriptors_open(void) {
        DIR *directory = opendir("/proc/self/fd");
        size_t n = 0;

        if (!directory)
                return 0;
        for (const struct dirent *entry; (entry = readdir(directory));)
                n += entry->d_name[0] != '.';
        closedir(directory);
        return (double)(n - 1);  // without the directory itself
}

static double seconds_of(const struct timeval *time) {
        return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

struct usage usage_now(void) {
        struct mallinfo2 heap = mallinfo2();
        struct usage usage = {
                .resident_bytes = resident_bytes(),
                .heap_used_bytes = (double)heap.uordblks + (double)heap.hblkhd,
                .heap_free_bytes = (double)heap.fordblks,
                .descriptors = descriptors_open(),
        };
        struct rusage times;
        struct rlimit limit;

        if (getrusage(RUSAGE_SELF, &times) == 0)
                usage.cpu_seconds = seconds_of(&times.ru_utime) + seconds_of(&times.ru_stime);
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
                usage.descriptor_limit =
                        limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur;
        return usage;
}
