#pragma once
// Mistakes: collecting what is wrong with a configuration. Private to config/.
//
// Threads: main thread.

#include <stddef.h>

#include "config/config.h"

// Add a mistake; secrets of URLs in key and text are blotted out here, for all. Beyond
// CONFIG_MISTAKES_MAX one last mistake says that there are more.
void config_mistake_add(struct config_mistakes *mistakes, int line, int column, const char *key,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));

// Sort by place; those of one place keep their order, those outside the file come last.
void config_mistakes_sort(struct config_mistakes *mistakes);
