// The settings of an alert by API, and a wish to try one: any JSON gives an alert or mistakes
// that name a setting, never both.
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

#include "api/trial_wish.h"
#include "config/alert_json.h"
#include "config/effective.h"
#include "fuzz.h"

static void require(bool is_true) {
        if (!is_true)
                abort();
}

static bool alert_try(json_t *settings, struct alert_config *ret) {
        struct config_mistakes mistakes;
        int r = config_alert_read(ret, "fire", settings, &mistakes);

        require((r == 0) == (ret->name != NULL));
        require((r == 0) == (mistakes.n == 0));
        for (size_t i = 0; i < mistakes.n; i++)
                require(mistakes.items[i].key[0] != '\0' && mistakes.items[i].text[0] != '\0');
        config_mistakes_deinit(&mistakes);
        return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        json_t *json = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
        struct alert_config alert;
        struct trial_mistake mistake;
        struct trial_wish wish;

        if (!json_is_object(json)) {
                json_decref(json);
                return 0;
        }
        if (alert_try(json, &alert)) {
                json_t *told = config_effective_alert(&alert);

                require(json_is_object(told));
                json_decref(told);
        }
        alert_config_deinit(&alert);
        require(trial_wish_read(json, 1764500000000, &wish, &mistake) || mistake.detail[0]);
        trial_wish_deinit(&wish);
        json_decref(json);
        return 0;
}
