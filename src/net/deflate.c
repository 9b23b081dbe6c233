#include "net/deflate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "util/mem.h"

#define STEP_BYTES (16 * 1024)  // room made for output, a step at a time

const uint8_t deflate_tail[4] = {0x00, 0x00, 0xff, 0xff};

struct deflater {
        z_stream stream;
};

struct inflater {
        z_stream stream;
        bool has_more;
};

struct deflater *deflater_new(void) {
        struct deflater *deflater = xnew(struct deflater);

        // Memory level 5: 16 KiB of hash tables, in proportion to the window.
        if (deflateInit2(&deflater->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                         -DEFLATE_WINDOW_BITS, 5, Z_DEFAULT_STRATEGY) != Z_OK)
                return mem_free(deflater);
        return deflater;
}

struct deflater *deflater_free(struct deflater *deflater) {
        if (deflater)
                deflateEnd(&deflater->stream);
        return mem_free(deflater);
}

bool deflater_message(struct deflater *deflater, const uint8_t *bytes, size_t n,
                      struct bytes *ret) {
        z_stream *stream = &deflater->stream;

        bytes_clear(ret);
        if (n > UINT_MAX || deflateReset(stream) != Z_OK)
                return false;
        stream->next_in = (Bytef *)(uintptr_t)bytes;
        stream->avail_in = (uInt)n;
        do {
                if (!bytes_reserve(ret, STEP_BYTES))
                        return false;
                stream->next_out = ret->data + ret->n;
                stream->avail_out = STEP_BYTES;
                if (deflate(stream, Z_SYNC_FLUSH) == Z_STREAM_ERROR)
                        return false;
                ret->n += STEP_BYTES - stream->avail_out;
        } while (stream->avail_out == 0);
        if (ret->n >= sizeof(deflate_tail) && memcmp(ret->data + ret->n - sizeof(deflate_tail),
                                                     deflate_tail, sizeof(deflate_tail)) == 0)
                ret->n -= sizeof(deflate_tail);
        return true;
}

struct inflater *inflater_new(void) {
        struct inflater *inflater = try_calloc(1, sizeof(*inflater));

        // The client may use any window up to the largest: we did not ask for less.
        if (inflater && inflateInit2(&inflater->stream, -MAX_WBITS) != Z_OK)
                return mem_free(inflater);
        return inflater;
}

struct inflater *inflater_free(struct inflater *inflater) {
        if (inflater)
                inflateEnd(&inflater->stream);
        return mem_free(inflater);
}

int inflater_step(struct inflater *inflater, const uint8_t **bytes, size_t *n, uint8_t *ret,
                  size_t room, size_t *ret_n) {
        z_stream *stream = &inflater->stream;
        int result;

        if (*n > UINT_MAX || room > UINT_MAX)
                return INFLATER_E_CORRUPT;
        stream->next_in = (Bytef *)(uintptr_t)*bytes;
        stream->avail_in = (uInt)*n;
        stream->next_out = ret;
        stream->avail_out = (uInt)room;
        do {
                result = inflate(stream, Z_SYNC_FLUSH);
                // A final block is allowed inside a message (RFC 7692, 7.2.3.4).
                if (result == Z_STREAM_END)
                        result = inflateReset(stream);
        } while (result == Z_OK && stream->avail_in && stream->avail_out);
        *ret_n = room - stream->avail_out;
        *bytes += *n - stream->avail_in;
        *n = stream->avail_in;
        inflater->has_more = stream->avail_out == 0;
        if (result == Z_MEM_ERROR)
                return INFLATER_E_MEMORY;
        return result == Z_OK || result == Z_BUF_ERROR ? 0 : INFLATER_E_CORRUPT;
}

bool inflater_has_more(const struct inflater *inflater) {
        return inflater->has_more;
}
