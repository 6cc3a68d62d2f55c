/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/loader.h"

void load_policy(struct loader *loader, const struct field *field)
{
	const struct field spec = read_object(loader, field, "spec", REQUIRED);
	const struct field groups = read_object(loader, &spec, "securityGroups", OPTIONAL);
	const struct object_name name = read_object_name(loader, field, true, DEFINES_POLICY);
	struct security_group_policy *policy = loader_push(loader, &loader->policies);

	if (policy == NULL)
		return;
	policy->namespace = name.namespace;
	policy->name = name.name;
	policy->line = field_line(loader->item, field);
	policy->pods = read_selector(loader, &spec, "podSelector");
	policy->service_accounts = read_selector(loader, &spec, "serviceAccountSelector");
	read_elements(loader, &groups, "groupIds", read_name_element, NULL);
	loader_keep(loader, &loader->names, &policy->groups, &policy->group_count);
}
