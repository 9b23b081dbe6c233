#include "api/transcriptions_page.h"

#include <string.h>

#include "api/parameters.h"
#include "api/posting.h"
#include "api/problem.h"
#include "api/reply.h"
#include "api/transcribing.h"
#include "auth/principal.h"
#include "net/exchange.h"
#include "util/mem.h"

static bool is_visible(const struct exchange *exchange, const struct transcription *one) {
        const struct principal *principal = exchange_request(exchange)->principal;

        return principal_may(principal, SCOPE_MANAGE) ||
               strcmp(principal->name, transcription_record(one)->principal) == 0;
}

// The one of that id, if whoever asks may see it; said if not.
static struct transcription *one_find(struct exchange *exchange,
                                      const struct transcriptions *transcriptions,
                                      const char *id) {
        struct problem problem = {
                .status = 404,
                .field = "id",
                .detail = "there is no such transcription of yours, or no more"};
        struct transcription *one = transcriptions_find(transcriptions, id);

        if (one && is_visible(exchange, one))
                return one;
        problem_reply(exchange, &problem);
        return NULL;
}

static void all_list(struct exchange *exchange, const struct transcriptions *transcriptions) {
        json_t *list;

        if (!parameters_none(exchange))
                return;
        list = json_array();
        for (const struct transcription *one = transcriptions_first(transcriptions); one;
             one = transcription_next(one))
                if (is_visible(exchange, one))
                        json_array_append_new(list, transcribing_row(one));
        reply_json(exchange, 200, json_pack("{so}", "transcriptions", list), NULL);
}

// The form that the query asks for; without one JSON.
static bool format_read(struct exchange *exchange, enum transcript_format *ret) {
        static const char *const names[] = {"format", NULL};
        CLEANUP(mem_freep) char *name = NULL;

        *ret = TRANSCRIPT_JSON;
        if (!parameters_known(exchange, names))
                return false;
        name = http_request_query(exchange_request(exchange), "format");
        if (!name || transcript_writer_format(name, ret))
                return true;
        parameters_refuse(exchange, "format", "formats are json, text, srt and vtt");
        return false;
}

static void one_show(struct exchange *exchange, const struct transcriptions *transcriptions,
                     const char *id) {
        struct transcription *one = one_find(exchange, transcriptions, id);
        enum transcript_format format;

        if (one && format_read(exchange, &format))
                transcribing_show(exchange, one, format);
}

static void one_remove(struct exchange *exchange, const struct transcriptions *transcriptions,
                       const char *id) {
        struct transcription *one = one_find(exchange, transcriptions, id);

        if (!one || !parameters_none(exchange))
                return;
        transcription_remove(one);
        reply_done(exchange);
}

void transcriptions_page_answer(struct exchange *exchange, struct hub *hub,
                                struct transcriptions *transcriptions, const char *id) {
        const char *method = exchange_request(exchange)->method;

        if (strcmp(method, "POST") == 0)
                posting_answer(exchange, hub, transcriptions);
        else if (strcmp(method, "DELETE") == 0)
                one_remove(exchange, transcriptions, id);
        else if (id)
                one_show(exchange, transcriptions, id);
        else
                all_list(exchange, transcriptions);
}
