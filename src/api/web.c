#include "api/web.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "api/reply.h"
#include "net/exchange.h"
#include "util/embedded.h"
#include "util/mem.h"

#define JAVASCRIPT "text/javascript; charset=utf-8"

// Each file of the page: a symbol, its name, and its type. The first is the page itself.
#define WEB_FILES(FILE)                                                      \
        FILE(web_index_html, "index.html", "text/html; charset=utf-8")       \
        FILE(web_style_css, "style.css", "text/css; charset=utf-8")          \
        FILE(web_icon_svg, "icon.svg", "image/svg+xml")                      \
        FILE(web_app_js, "app.js", JAVASCRIPT)                               \
        FILE(web_api_js, "api.js", JAVASCRIPT)                               \
        FILE(web_authority_js, "authority.js", JAVASCRIPT)                   \
        FILE(web_caption_lines_js, "caption_lines.js", JAVASCRIPT)           \
        FILE(web_chart_js, "chart.js", JAVASCRIPT)                           \
        FILE(web_clock_js, "clock.js", JAVASCRIPT)                           \
        FILE(web_dom_js, "dom.js", JAVASCRIPT)                               \
        FILE(web_events_js, "events.js", JAVASCRIPT)                         \
        FILE(web_file_uploads_js, "file_uploads.js", JAVASCRIPT)             \
        FILE(web_keys_js, "keys.js", JAVASCRIPT)                             \
        FILE(web_listen_link_js, "listen_link.js", JAVASCRIPT)               \
        FILE(web_microphone_js, "microphone.js", JAVASCRIPT)                 \
        FILE(web_microphone_worklet_js, "microphone_worklet.js", JAVASCRIPT) \
        FILE(web_player_js, "player.js", JAVASCRIPT)                         \
        FILE(web_player_bar_js, "player_bar.js", JAVASCRIPT)                 \
        FILE(web_resampler_js, "resampler.js", JAVASCRIPT)                   \
        FILE(web_session_js, "session.js", JAVASCRIPT)                       \
        FILE(web_store_js, "store.js", JAVASCRIPT)                           \
        FILE(web_stream_signs_js, "stream_signs.js", JAVASCRIPT)             \
        FILE(web_stretch_js, "stretch.js", JAVASCRIPT)                       \
        FILE(web_texts_js, "texts.js", JAVASCRIPT)                           \
        FILE(web_timeline_js, "timeline.js", JAVASCRIPT)                     \
        FILE(web_timeline_canvas_js, "timeline_canvas.js", JAVASCRIPT)       \
        FILE(web_timeline_scale_js, "timeline_scale.js", JAVASCRIPT)         \
        FILE(web_transcript_js, "transcript.js", JAVASCRIPT)                 \
        FILE(web_transcript_focus_js, "transcript_focus.js", JAVASCRIPT)     \
        FILE(web_transcript_rows_js, "transcript_rows.js", JAVASCRIPT)       \
        FILE(web_view_captions_js, "view_captions.js", JAVASCRIPT)           \
        FILE(web_view_captions_help_js, "view_captions_help.js", JAVASCRIPT) \
        FILE(web_view_files_js, "view_files.js", JAVASCRIPT)                 \
        FILE(web_view_microphone_js, "view_microphone.js", JAVASCRIPT)       \
        FILE(web_view_server_js, "view_server.js", JAVASCRIPT)               \
        FILE(web_view_stream_js, "view_stream.js", JAVASCRIPT)               \
        FILE(web_view_wall_js, "view_wall.js", JAVASCRIPT)                   \
        FILE(web_wall_order_js, "wall_order.js", JAVASCRIPT)                 \
        FILE(web_wall_tile_js, "wall_tile.js", JAVASCRIPT)                   \
        FILE(web_alert_form_js, "alert_form.js", JAVASCRIPT)                 \
        FILE(web_camera_list_js, "camera_list.js", JAVASCRIPT)               \
        FILE(web_fired_list_js, "fired_list.js", JAVASCRIPT)                 \
        FILE(web_forms_js, "forms.js", JAVASCRIPT)                           \
        FILE(web_found_text_js, "found_text.js", JAVASCRIPT)                 \
        FILE(web_notifications_js, "notifications.js", JAVASCRIPT)           \
        FILE(web_probe_report_js, "probe_report.js", JAVASCRIPT)             \
        FILE(web_row_links_js, "row_links.js", JAVASCRIPT)                   \
        FILE(web_status_rule_js, "status_rule.js", JAVASCRIPT)               \
        FILE(web_stream_actions_js, "stream_actions.js", JAVASCRIPT)         \
        FILE(web_stream_url_js, "stream_url.js", JAVASCRIPT)                 \
        FILE(web_teller_js, "teller.js", JAVASCRIPT)                         \
        FILE(web_time_fields_js, "time_fields.js", JAVASCRIPT)               \
        FILE(web_view_add_js, "view_add.js", JAVASCRIPT)                     \
        FILE(web_view_alerts_js, "view_alerts.js", JAVASCRIPT)               \
        FILE(web_view_search_js, "view_search.js", JAVASCRIPT)               \
        FILE(web_view_segment_js, "view_segment.js", JAVASCRIPT)

#define FILE_EMBEDDED(symbol, name, type) EMBEDDED_FILE(symbol, WEB_FOLDER "/" name);
WEB_FILES(FILE_EMBEDDED)

struct web_file {
        const char *name;
        const char *type;
        const unsigned char *begin, *end;
};

#define FILE_ROW(symbol, name, type) {name, type, symbol, symbol##_end},
static const struct web_file files[] = {WEB_FILES(FILE_ROW)};

#define N_FILES (sizeof(files) / sizeof(files[0]))

// What browsers hold the page to: nothing comes from elsewhere, no script but these files runs
// whatever a stream's name or its text is, and no address of ours, which may hold a token, is
// told to anybody.
#define WEB_HEADERS                                                                          \
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; " \
        "img-src 'self' data:; media-src blob:; connect-src 'self'; worker-src 'self'; "     \
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'\r\n"                    \
        "Referrer-Policy: no-referrer\r\n"                                                   \
        "X-Content-Type-Options: nosniff\r\n"                                                \
        "Permissions-Policy: camera=(), geolocation=(), microphone=(self)\r\n"               \
        "Cache-Control: no-cache\r\n"                                                        \
        "Vary: Accept-Encoding\r\n"

// windowBits of zlib that make a gzip stream of the largest window.
#define GZIP_WINDOW_BITS (15 + 16)
#define GZIP_MEMORY      9

struct web {
        // Of each file, made when it is first asked for.
        struct packed {
                char *bytes;  // gzip; NULL: not made yet
                size_t n;
        } packed[N_FILES];
};

struct web *web_new(void) {
        return xcalloc(1, sizeof(struct web));
}

struct web *web_free(struct web *web) {
        if (!web)
                return NULL;
        for (size_t i = 0; i < N_FILES; i++)
                free(web->packed[i].bytes);
        free(web);
        return NULL;
}

static size_t file_length(const struct web_file *file) {
        return (size_t)(file->end - file->begin);
}

// False: zlib has no memory; the file is sent as it is.
static bool file_pack(const struct web_file *file, struct packed *packed) {
        z_stream stream = {.next_in = (z_const Bytef *)file->begin,
                           .avail_in = (uInt)file_length(file)};
        size_t room;

        if (packed->bytes)
                return true;
        if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY,
                         Z_DEFAULT_STRATEGY) != Z_OK)
                return false;
        room = deflateBound(&stream, stream.avail_in);
        packed->bytes = xcalloc(1, room);
        stream.next_out = (Bytef *)packed->bytes;
        stream.avail_out = (uInt)room;
        (void)deflate(&stream, Z_FINISH);  // which is enough room for all of it
        packed->n = stream.total_out;
        (void)deflateEnd(&stream);
        return true;
}

// Whether the browser unpacks gzip. All do; a program that does not say so, or says that it
// does not (";q=0"), gets the file as it is.
static bool is_gzip_wanted(const struct http_request *request) {
        const char *value = http_request_header(request, "Accept-Encoding");
        const char *found = value ? strstr(value, "gzip") : NULL;

        return found && strncmp(found, "gzip;q=0", strlen("gzip;q=0")) != 0;
}

static void file_answer(struct web *web, struct exchange *exchange, size_t i) {
        const struct http_request *request = exchange_request(exchange);
        const char *known = http_request_header(request, "If-None-Match");
        struct packed *packed = &web->packed[i];
        struct http_response response = {
                .status = 200,
                .content_type = files[i].type,
                .body = (const char *)files[i].begin,
                .body_length = file_length(&files[i]),
        };
        bool is_packed = is_gzip_wanted(request) && file_pack(&files[i], packed);
        CLEANUP(mem_freep)
        char *tag =
                xasprintf("\"%08lx%s\"", crc32(0, files[i].begin, (uInt)file_length(&files[i])),
                          is_packed ? "-gzip" : "");
        CLEANUP(mem_freep)
        char *headers =
                xasprintf("%sETag: %s\r\n%s", is_packed ? "Content-Encoding: gzip\r\n" : "",
                          tag, WEB_HEADERS);

        response.headers = headers;
        if (is_packed) {
                response.body = packed->bytes;
                response.body_length = packed->n;
        }
        if (known && strstr(known, tag)) {
                response.status = 304;
                response.content_type = NULL;
                response.body_length = 0;
        }
        exchange_reply(exchange, &response);
}

void web_answer_page(struct web *web, struct exchange *exchange) {
        file_answer(web, exchange, 0);
}

void web_answer_file(struct web *web, struct exchange *exchange, const char *name) {
        for (size_t i = 0; i < N_FILES; i++) {
                if (strcmp(files[i].name, name) == 0) {
                        file_answer(web, exchange, i);
                        return;
                }
        }
        reply_text(exchange, 404, "not found\n", NULL);
}
