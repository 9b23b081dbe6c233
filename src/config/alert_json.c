#include "config/alert_json.h"

#include <errno.h>

#include "config/json_tree.h"
#include "config/mistakes.h"
#include "config/reader.h"
#include "util/mem.h"

static void name_check(struct config_reader *reader, const char *name) {
        struct config_node *node = config_node_new(CONFIG_NODE_SCALAR, xstrdup(name));

        config_check_name(reader, "alert", node, "name");
        config_tree_free(node);
}

int config_alert_read(struct alert_config *ret, const char *name, json_t *settings,
                      struct config_mistakes *ret_mistakes) {
        CLEANUP(config_tree_freep) struct config_node *mapping = config_tree_of_json(settings);
        CLEANUP(alert_config_deinit) struct alert_config alert = {.name = xstrdup(name)};
        struct config_reader reader = {
                .mistakes = ret_mistakes,
                .applies = SETTING_ALERT,
                .target = {{[SETTING_IN_ALERT] = &alert}},
                .is_plain = true,
        };
        struct error error = {0};
        const char *key;

        *ret = (struct alert_config){0};
        *ret_mistakes = (struct config_mistakes){0};
        setting_presets_apply(SETTING_ALERT, &reader.target);
        name_check(&reader, name);
        config_read_mapping(&reader, mapping, "", "");
        if (ret_mistakes->n == 0 && alert_check(&alert, &key, &error) < 0)
                config_mistake_add(ret_mistakes, 0, 0, key, "%s", error.text);
        if (ret_mistakes->n > 0)
                return -EINVAL;
        *ret = alert;
        alert = (struct alert_config){0};
        return 0;
}
