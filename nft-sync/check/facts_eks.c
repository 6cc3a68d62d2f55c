/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/check/facts_eks.h"

static void read_public_prefix(struct loader *loader, const struct field *element, void *context)
{
	struct prefix prefix, *place;
	(void)context;
	if (!read_prefix(loader, element, AF_UNSPEC, &prefix))
		return;
	place = loader_push(loader, &loader->prefixes);
	if (place)
		*place = prefix;
}

static void read_names(struct loader *loader, const struct field *parent, const char *key,
                       const char ***ret, size_t *ret_count)
{
	read_elements(loader, parent, key, read_name_element, NULL);
	loader_keep(loader, &loader->names, ret, ret_count);
}

static void read_vpc_config(struct loader *loader, const struct field *config,
                            struct eks_facts *cluster)
{
	const struct field vpc = field_member(config, "vpcId");
	const struct field group = field_member(config, "clusterSecurityGroupId");
	const struct field private_access = field_member(config, "endpointPrivateAccess");
	const struct field public_access = field_member(config, "endpointPublicAccess");
	cluster->vpc = read_name(loader, &vpc, OPTIONAL);
	cluster->group = read_name(loader, &group, OPTIONAL);
	cluster->private_access = read_flag(loader, &private_access, false);
	cluster->public_access = read_flag(loader, &public_access, true);
	read_names(loader, config, "subnetIds", &cluster->subnets, &cluster->subnet_count);
	read_names(loader, config, "securityGroupIds", &cluster->groups, &cluster->group_count);
	read_elements(loader, config, "publicAccessCidrs", read_public_prefix, NULL);
	loader_keep(loader, &loader->prefixes, &cluster->public_prefixes,
	            &cluster->public_prefix_count);
}

void load_eks_facts(struct loader *loader, const struct field *document)
{
	const struct field object = read_object(loader, document, "cluster", REQUIRED);
	const struct field field = field_member(&object, "name");
	const struct field config = read_object(loader, &object, "resourcesVpcConfig", REQUIRED);
	const struct field network =
		read_object(loader, &object, "kubernetesNetworkConfig", OPTIONAL);
	const struct field family = field_member(&network, "ipFamily");
	const struct object_name name = {"", read_name(loader, &field, REQUIRED)};
	struct eks_facts *cluster = fact_push(loader, FACT_EKS, &object, &name);
	if (!cluster)
		return;
	read_vpc_config(loader, &config, cluster);
	cluster->ipv6 = strcmp(read_name(loader, &family, OPTIONAL), "ipv6") == 0;
}

const struct eks_facts *facts_eks(const struct facts *facts)
{
	size_t count;
	const struct eks_facts *clusters = facts_of(facts, FACT_EKS, &count);
	return count > 0 ? clusters : NULL;
}
