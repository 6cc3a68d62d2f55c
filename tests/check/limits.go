// SPDX-License-Identifier: GPL-2.0-or-later
// A few types in the shape of amazon-vpc-resource-controller-k8s's pkg/aws/vpc/limits.go.
// This file was generated at 2026-03-20T18:06:29Z

package vpc

var Limits = map[string]*VPCLimits{
	"c5.large": {
		Interface:               3,
		IPv4PerInterface:        10,
		IsTrunkingCompatible:    true,
		BranchInterface:         9,
		DefaultNetworkCardIndex: 0,
		NetworkCards: []NetworkCard{
			{
				MaximumNetworkInterfaces: 3,
				NetworkCardIndex:         0,
			},
		},
		Hypervisor:  "nitro",
		IsBareMetal: false,
	},
	"c5.metal": {
		Interface:               15,
		IPv4PerInterface:        50,
		IsTrunkingCompatible:    true,
		BranchInterface:         107,
		DefaultNetworkCardIndex: 0,
		NetworkCards: []NetworkCard{
			{
				MaximumNetworkInterfaces: 15,
				NetworkCardIndex:         0,
			},
		},
		Hypervisor:  "",
		IsBareMetal: true,
	},
	"c5d.large": {
		Interface:               3,
		IPv4PerInterface:        10,
		IsTrunkingCompatible:    true,
		BranchInterface:         9,
		DefaultNetworkCardIndex: 0,
		NetworkCards: []NetworkCard{
			{
				MaximumNetworkInterfaces: 3,
				NetworkCardIndex:         0,
			},
		},
		Hypervisor:  "nitro",
		IsBareMetal: false,
	},
	"c5d.metal": {
		Interface:               15,
		IPv4PerInterface:        50,
		IsTrunkingCompatible:    true,
		BranchInterface:         107,
		DefaultNetworkCardIndex: 0,
		NetworkCards: []NetworkCard{
			{
				MaximumNetworkInterfaces: 15,
				NetworkCardIndex:         0,
			},
		},
		Hypervisor:  "",
		IsBareMetal: true,
	},
	"p5.48xlarge": {
		Interface:               64,
		IPv4PerInterface:        50,
		IsTrunkingCompatible:    true,
		BranchInterface:         120,
		DefaultNetworkCardIndex: 0,
		NetworkCards: []NetworkCard{
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         0,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         1,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         2,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         3,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         4,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         5,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         6,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         7,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         8,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         9,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         10,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         11,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         12,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         13,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         14,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         15,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         16,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         17,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         18,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         19,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         20,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         21,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         22,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         23,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         24,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         25,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         26,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         27,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         28,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         29,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         30,
			},
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         31,
			},
		},
		Hypervisor:  "nitro",
		IsBareMetal: false,
	},
	"t3.micro": {
		Interface:               2,
		IPv4PerInterface:        2,
		IsTrunkingCompatible:    false,
		BranchInterface:         0,
		DefaultNetworkCardIndex: 0,
		NetworkCards: []NetworkCard{
			{
				MaximumNetworkInterfaces: 2,
				NetworkCardIndex:         0,
			},
		},
		Hypervisor:  "nitro",
		IsBareMetal: false,
	},
}
