#pragma once
// Pages: does an Ogg file end with a whole page? Its demuxer takes what was cut for the end.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEDIA_PAGES_HEAD 282  // bytes of a page's head at most

struct media_pages {
        uint8_t head[MEDIA_PAGES_HEAD];
        size_t n_head;
        size_t left;   // of the page's body
        bool is_lost;  // something else than a page came: nothing is known of the end
};

void media_pages_init(struct media_pages *pages);

// Follow the file's bytes, from its first.
void media_pages_feed(struct media_pages *pages, const uint8_t *bytes, size_t n);

// Bytes that its last page lacks; 0: none, or nobody knows.
size_t media_pages_missing(const struct media_pages *pages);
