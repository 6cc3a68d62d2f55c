/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/loader.h"

#define CRD_GROUP "vpcresources.k8s.aws"

const struct loader_kind kubernetes_kinds[] = {
	{"Pod", "", load_pod},
	{"ServiceAccount", "", load_service_account},
	{"Namespace", "", NULL},
	{"Node", "", load_node},
	{"Service", "", load_service},
	{"EndpointSlice", "discovery.k8s.io", load_endpoint_slice},
	{"SecurityGroupPolicy", CRD_GROUP, load_policy},
	{"CNINode", CRD_GROUP, load_cninode},
	{0},
};

/* Where read_elements() puts addresses; those beyond the room are ignored with a warning. */
struct address_room {
	const char *key;
	struct prefix *addresses;
	size_t count;
};

struct object_name read_object_name(struct loader *loader, const struct field *object,
                                    bool namespaced, enum definition kind)
{
	const struct field metadata = read_object(loader, object, "metadata", REQUIRED);
	const struct field name = field_member(&metadata, "name");
	const struct field namespace = field_member(&metadata, "namespace");
	struct object_name ret = {.namespace = "", .name = read_name(loader, &name, REQUIRED)};

	if (namespaced)
		ret.namespace = read_name(loader, &namespace, OPTIONAL);
	if (namespaced && ret.namespace[0] == '\0')
		ret.namespace = "default";
	if (kind != DEFINES_NOTHING)
		loader_define(loader, kind, ret.namespace, ret.name, &name);
	return ret;
}

void read_label_value(struct loader *loader, const struct field *field)
{
	const char **value;

	if (!cJSON_IsString(field->value)) {
		loader_refuse(loader, -EINVAL, field, "expected a string");
		return;
	}
	value = loader_push(loader, &loader->names);
	if (value != NULL)
		*value = read_string(loader, field, OPTIONAL);
}

struct labels read_labels(struct loader *loader, const struct field *object)
{
	const struct field metadata = field_member(object, "metadata");
	const struct field labels = read_object(loader, &metadata, "labels", OPTIONAL);
	struct labels ret = {0};

	if (loader_failed(loader) || labels.value == NULL)
		return ret;
	for (const cJSON *value = labels.value->child; value != NULL; value = value->next) {
		const struct field field = {
			.parent = &labels, .key = value->string, .value = value};
		struct label *label = loader_push(loader, &loader->labels);

		if (label == NULL)
			return ret;
		label->key = intern_string(loader->intern, value->string);
		if (label->key == NULL)
			loader_no_memory(loader);
		label->value = read_string(loader, &field, OPTIONAL);
	}
	loader_keep(loader, &loader->labels, &ret.items, &ret.count);
	return ret;
}

static int read_digits(const char *text, size_t count)
{
	int value = 0;

	for (size_t i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* Days since 1970-01-01 of a day of the Gregorian calendar (year >= 1), counted in years that
 * begin in March so that the leap day is their last. */
static int64_t days_since_1970(int year, int month, int day)
{
	int shifted = month > 2 ? year : year - 1;
	int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return 365LL * shifted + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719468;
}

struct timestamp {
	int year, month, day, hour, minute, second;
};

static bool in_calendar(const struct timestamp *time)
{
	return time->year >= 1 && time->month >= 1 && time->month <= 12 && time->day >= 1 &&
	       time->day <= 31 && time->hour >= 0 && time->hour <= 23 && time->minute >= 0 &&
	       time->minute <= 59 && time->second >= 0 && time->second <= 60;
}

/* RFC 3339 as the API server writes it: 2026-11-22T10:09:08Z, fractions of seconds ignored. */
static bool parse_timestamp(const char *text, int64_t *ret)
{
	static const char pattern[] = "0000-00-00T00:00:00";
	const size_t length = sizeof(pattern) - 1;
	const char *behind = text + length;
	struct timestamp time;
	int seconds;

	if (strnlen(text, length) < length)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (pattern[i] != '0' && text[i] != pattern[i])
			return false;
	}
	time = (struct timestamp){
		.year = read_digits(text, 4),
		.month = read_digits(text + 5, 2),
		.day = read_digits(text + 8, 2),
		.hour = read_digits(text + 11, 2),
		.minute = read_digits(text + 14, 2),
		.second = read_digits(text + 17, 2),
	};
	if (*behind == '.')
		behind += 1 + strspn(behind + 1, "0123456789");
	if (!in_calendar(&time) || strcmp(behind, "Z") != 0)
		return false;
	seconds = (time.hour * 60 + time.minute) * 60 + time.second;
	*ret = days_since_1970(time.year, time.month, time.day) * 86400 + seconds;
	return true;
}

int64_t read_time(struct loader *loader, const struct field *field)
{
	int64_t seconds = 0;

	if (loader_failed(loader) || field->value == NULL)
		return 0;
	if (!cJSON_IsString(field->value) || !parse_timestamp(field->value->valuestring, &seconds))
		loader_refuse(loader, -EINVAL, field, "expected a time like 2026-01-31T12:00:00Z");
	return seconds;
}

static int64_t read_created(struct loader *loader, const struct field *object)
{
	const struct field metadata = field_member(object, "metadata");
	const struct field field = field_member(&metadata, "creationTimestamp");

	return read_time(loader, &field);
}

static void read_address_element(struct loader *loader, const struct field *element, void *context)
{
	struct address_room *room = context;
	const struct field field = field_member(element, room->key);
	struct prefix address;

	if (!read_address(loader, &field, AF_UNSPEC, &address))
		return;
	if (room->count == POD_ADDRESSES_MAX)
		loader_warn(loader, &field, "ignored: more than %d addresses", POD_ADDRESSES_MAX);
	else
		room->addresses[room->count++] = address;
}

static void read_pod_addresses(struct loader *loader, const struct field *status, struct pod *pod)
{
	const struct field single = field_member(status, "podIP");
	struct address_room room = {.key = "ip", .addresses = pod->addresses};

	read_elements(loader, status, "podIPs", read_address_element, &room);
	if (room.count == 0 && read_name(loader, &single, OPTIONAL)[0] != '\0' &&
	    read_address(loader, &single, AF_UNSPEC, &pod->addresses[0]))
		room.count = 1;
	pod->address_count = room.count;
}

static bool is_finished(struct loader *loader, const struct field *status)
{
	const struct field field = field_member(status, "phase");
	const char *phase = read_name(loader, &field, OPTIONAL);

	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

static void read_pod_spec(struct loader *loader, const struct field *object, struct pod *pod)
{
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	const struct field node = field_member(&spec, "nodeName");
	const struct field account = field_member(&spec, "serviceAccountName");
	const struct field host_network = field_member(&spec, "hostNetwork");

	pod->node = read_name(loader, &node, OPTIONAL);
	pod->service_account = read_name(loader, &account, OPTIONAL);
	if (pod->service_account[0] == '\0')
		pod->service_account = "default";
	pod->host_network = read_flag(loader, &host_network, false);
}

/* kubectl delete --grace-period=0 --force: the API server forgets the pod before the node does. */
static bool read_deleted_at_once(struct loader *loader, const struct field *metadata)
{
	const struct field time = field_member(metadata, "deletionTimestamp");
	const struct field grace = field_member(metadata, "deletionGracePeriodSeconds");

	return time.value != NULL && grace.value != NULL &&
	       read_integer(loader, &grace, INT32_MIN, INT32_MAX, 1) == 0;
}

static void read_pod_metadata(struct loader *loader, const struct field *object, struct pod *pod)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_POD);
	const struct field metadata = field_member(object, "metadata");
	const struct field uid = field_member(&metadata, "uid");
	const struct field annotations = read_object(loader, &metadata, "annotations", OPTIONAL);
	const struct field eni = field_member(&annotations, "vpc.amazonaws.com/pod-eni");
	const struct field hash = field_member(&annotations, "kubernetes.io/config.hash");

	pod->namespace = name.namespace;
	pod->name = name.name;
	pod->uid = read_name(loader, &uid, OPTIONAL);
	pod->config_hash = read_name(loader, &hash, OPTIONAL);
	pod->labels = read_labels(loader, object);
	pod->created = read_created(loader, object);
	pod->deleted_at_once = read_deleted_at_once(loader, &metadata);
	if (eni.value != NULL)
		pod->eni = read_pod_eni(loader, &eni);
}

void load_pod(struct loader *loader, const struct field *object)
{
	const struct field status = read_object(loader, object, "status", OPTIONAL);
	struct pod *pod = loader_push(loader, &loader->pods);

	if (pod == NULL)
		return;
	pod->line = field_line(loader->item, object);
	read_pod_metadata(loader, object, pod);
	read_pod_spec(loader, object, pod);
	pod->finished = is_finished(loader, &status);
	read_pod_addresses(loader, &status, pod);
}

void load_service_account(struct loader *loader, const struct field *object)
{
	const struct object_name name =
		read_object_name(loader, object, true, DEFINES_SERVICE_ACCOUNT);
	struct service_account *account = loader_push(loader, &loader->service_accounts);

	if (account == NULL)
		return;
	account->namespace = name.namespace;
	account->name = name.name;
	account->labels = read_labels(loader, object);
	account->line = field_line(loader->item, object);
}

static void read_node_address(struct loader *loader, const struct field *element, void *context)
{
	const struct field field = field_member(element, "type");

	if (strcmp(read_name(loader, &field, REQUIRED), "InternalIP") == 0)
		read_address_element(loader, element, context);
}

void load_node(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, false, DEFINES_NODE);
	const struct field status = read_object(loader, object, "status", OPTIONAL);
	struct node *node = loader_push(loader, &loader->nodes);
	struct address_room room = {.key = "address"};

	if (node == NULL)
		return;
	node->name = name.name;
	node->line = field_line(loader->item, object);
	room.addresses = node->addresses;
	read_elements(loader, &status, "addresses", read_node_address, &room);
	node->address_count = room.count;
}

static void read_feature(struct loader *loader, const struct field *element, void *context)
{
	const struct field name = field_member(element, "name");
	bool *security_groups = context;

	if (strcmp(read_name(loader, &name, REQUIRED), "SecurityGroupsForPods") == 0)
		*security_groups = true;
}

void load_cninode(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, false, DEFINES_CNINODE);
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	struct cninode *cninode = loader_push(loader, &loader->cninodes);

	if (cninode == NULL)
		return;
	cninode->name = name.name;
	cninode->line = field_line(loader->item, object);
	read_elements(loader, &spec, "features", read_feature, &cninode->security_groups_for_pods);
}

/* An element of a PodList has neither kind nor apiVersion: the list says them. */
static struct field own_or_list_member(struct loader *loader, const struct field *object,
                                       const char *key)
{
	struct field field = field_member(object, key);

	if (field.value == NULL && loader->item->list != NULL)
		field.value = cJSON_GetObjectItemCaseSensitive(loader->item->document, key);
	return field;
}

static void warn_unknown_kind(struct loader *loader, const struct field *field, const char *kind)
{
	for (size_t i = 0; i < loader->unknown_kind_count; i++) {
		if (loader->unknown_kinds[i] == kind)
			return;
	}
	if (loader_failed(loader) || loader->reading->quiet ||
	    loader->unknown_kind_count == UNKNOWN_KINDS_MAX)
		return;
	loader->unknown_kinds[loader->unknown_kind_count++] = kind;
	loader_warn(loader, field, "not a kind that podsg reads, skipped");
}

/* "PodList" of an element without a kind of its own means "Pod". */
static bool kind_is(const char *text, const char *kind, bool from_list)
{
	size_t length = strlen(kind);

	return strncmp(text, kind, length) == 0 &&
	       strcmp(text + length, from_list ? "List" : "") == 0;
}

static bool group_is(const char *api_version, const char *group)
{
	const char *slash = strchr(api_version, '/');
	size_t length = slash != NULL ? (size_t)(slash - api_version) : 0;

	return strlen(group) == length && strncmp(api_version, group, length) == 0;
}

/* Its kind, "" if it failed; *from_list: it is that of the list that holds the object. */
static const char *read_kind(struct loader *loader, const struct field *object,
                             const struct field *field, bool *from_list)
{
	const struct field own = field_member(object, "kind");

	*from_list = field->value != NULL && own.value == NULL;
	if (field->value == NULL && loader->kind != NULL)
		return loader->kind;
	if (field->value == NULL)
		loader_refuse(loader, -EINVAL, field,
		              "is missing, and no kind of list stands before this item");
	return read_name(loader, field, REQUIRED);
}

void load_kubernetes(struct loader *loader, const struct field *object)
{
	const struct field kind_field = own_or_list_member(loader, object, "kind");
	const struct field version_field = own_or_list_member(loader, object, "apiVersion");
	const char *version = read_name(loader, &version_field, OPTIONAL);
	bool from_list;
	const char *kind = read_kind(loader, object, &kind_field, &from_list);

	if (loader_failed(loader))
		return;
	if (version_field.value == NULL && loader->api_version != NULL)
		version = loader->api_version;
	for (const struct loader_kind *known = loader->reading->kinds; known->kind != NULL;
	     known++) {
		if (!kind_is(kind, known->kind, from_list) || !group_is(version, known->group))
			continue;
		loader->kind_loaded = known;
		if (known->load != NULL)
			known->load(loader, object);
		return;
	}
	warn_unknown_kind(loader, &kind_field, kind);
}
