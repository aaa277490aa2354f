package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"
)

func franzAdmin(o options) fields {
	client := franzClient(o)
	defer client.Close()
	admin := kadm.NewClient(client)
	answer, err := franzOperation(context.Background(), admin, o)
	if err != nil {
		return fields{"error": err.Error()}
	}
	return answer
}

func franzOperation(ctx context.Context, admin *kadm.Client, o options) (fields, error) {
	switch o.Op {
	case "create-topic":
		configs := map[string]*string{}
		for key, value := range o.Configs {
			configs[key] = &value
		}
		_, err := admin.CreateTopic(ctx, o.Partitions, 1, configs, o.Topic)
		return fields{}, err
	case "delete-topic":
		_, err := admin.DeleteTopic(ctx, o.Topic)
		return fields{}, err
	case "list-topics":
		topics, err := admin.ListTopics(ctx)
		return fields{"topics": topics.Names()}, err
	case "describe-topic":
		topics, err := admin.ListTopics(ctx, o.Topic)
		if err != nil {
			return nil, err
		}
		return fields{"partitions": len(topics[o.Topic].Partitions)}, topics[o.Topic].Err
	case "create-partitions":
		all, err := admin.UpdatePartitions(ctx, int(o.Partitions), o.Topic)
		if err != nil {
			return nil, err
		}
		return fields{}, all[o.Topic].Err
	case "delete-records":
		var offsets kadm.Offsets
		offsets.AddOffset(o.Topic, o.Partition, o.Offset, -1)
		all, err := admin.DeleteRecords(ctx, offsets)
		if err != nil {
			return nil, err
		}
		one, _ := all.Lookup(o.Topic, o.Partition)
		return fields{"low_watermark": one.LowWatermark}, one.Err
	}
	return franzOtherOperation(ctx, admin, o)
}

func franzOtherOperation(ctx context.Context, admin *kadm.Client, o options) (fields, error) {
	switch o.Op {
	case "alter-config":
		var changes []kadm.AlterConfig
		for key, value := range o.Configs {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value})
		}
		all, err := admin.AlterTopicConfigs(ctx, changes, o.Topic)
		if err != nil {
			return nil, err
		}
		one, err := all.On(o.Topic, nil)
		if err != nil {
			return nil, err
		}
		return fields{}, one.Err
	case "describe-config":
		all, err := admin.DescribeTopicConfigs(ctx, o.Topic)
		if err != nil {
			return nil, err
		}
		one, err := all.On(o.Topic, nil)
		configs := fields{}
		for _, config := range one.Configs {
			configs[config.Key] = config.MaybeValue()
		}
		return fields{"configs": configs}, err
	case "list-groups":
		all, err := admin.ListGroups(ctx)
		return fields{"groups": all.Groups()}, err
	case "describe-group":
		all, err := admin.DescribeGroups(ctx, o.Group)
		if err != nil {
			return nil, err
		}
		one := all[o.Group]
		return fields{"state": one.State, "members": len(one.Members)}, one.Err
	case "delete-group":
		_, err := admin.DeleteGroup(ctx, o.Group)
		return fields{}, err
	}
	return fields{"unsupported": o.Op}, nil
}
