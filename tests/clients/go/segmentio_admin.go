package main

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

func segmentioAdmin(o options) fields {
	client := &kafka.Client{Addr: kafka.TCP(o.Bootstrap), Timeout: 20 * time.Second}
	answer, err := segmentioOperation(context.Background(), client, o)
	if err != nil {
		return fields{"error": err.Error()}
	}
	return answer
}

func segmentioOperation(ctx context.Context, client *kafka.Client, o options) (fields, error) {
	switch o.Op {
	case "create-topic":
		topic := kafka.TopicConfig{Topic: o.Topic, NumPartitions: int(o.Partitions), ReplicationFactor: 1}
		for key, value := range o.Configs {
			topic.ConfigEntries = append(topic.ConfigEntries, kafka.ConfigEntry{ConfigName: key, ConfigValue: value})
		}
		all, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{topic}})
		if err != nil {
			return nil, err
		}
		return fields{}, all.Errors[o.Topic]
	case "delete-topic":
		all, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{o.Topic}})
		if err != nil {
			return nil, err
		}
		return fields{}, all.Errors[o.Topic]
	case "list-topics":
		all, err := client.Metadata(ctx, &kafka.MetadataRequest{})
		if err != nil {
			return nil, err
		}
		names := []string{}
		for _, topic := range all.Topics {
			names = append(names, topic.Name)
		}
		return fields{"topics": names}, nil
	case "describe-topic":
		all, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{o.Topic}})
		if err != nil {
			return nil, err
		}
		return fields{"partitions": len(all.Topics[0].Partitions)}, all.Topics[0].Error
	case "create-partitions":
		change := kafka.TopicPartitionsConfig{Name: o.Topic, Count: o.Partitions}
		all, err := client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{change}})
		if err != nil {
			return nil, err
		}
		return fields{}, all.Errors[o.Topic]
	}
	return segmentioOtherOperation(ctx, client, o)
}

func segmentioOtherOperation(ctx context.Context, client *kafka.Client, o options) (fields, error) {
	switch o.Op {
	case "alter-config":
		resource := kafka.IncrementalAlterConfigsRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: o.Topic}
		for key, value := range o.Configs {
			resource.Configs = append(resource.Configs, kafka.IncrementalAlterConfigsRequestConfig{
				Name: key, Value: value, ConfigOperation: kafka.ConfigOperationSet,
			})
		}
		all, err := client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
			Resources: []kafka.IncrementalAlterConfigsRequestResource{resource},
		})
		if err != nil {
			return nil, err
		}
		return fields{}, all.Resources[0].Error
	case "describe-config":
		all, err := client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
			Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: o.Topic}},
		})
		if err != nil {
			return nil, err
		}
		configs := fields{}
		for _, entry := range all.Resources[0].ConfigEntries {
			configs[entry.ConfigName] = entry.ConfigValue
		}
		return fields{"configs": configs}, all.Resources[0].Error
	case "list-groups":
		all, err := client.ListGroups(ctx, &kafka.ListGroupsRequest{})
		if err != nil {
			return nil, err
		}
		names := []string{}
		for _, group := range all.Groups {
			names = append(names, group.GroupID)
		}
		return fields{"groups": names}, all.Error
	case "describe-group":
		all, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{o.Group}})
		if err != nil {
			return nil, err
		}
		return fields{"state": all.Groups[0].GroupState, "members": len(all.Groups[0].Members)}, all.Groups[0].Error
	case "delete-group":
		coordinator, err := client.FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Key: o.Group, KeyType: kafka.CoordinatorKeyTypeConsumer})
		if err != nil {
			return nil, err
		}
		address := net.JoinHostPort(coordinator.Coordinator.Host, strconv.Itoa(coordinator.Coordinator.Port))
		all, err := client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{Addr: kafka.TCP(address), GroupIDs: []string{o.Group}})
		if err != nil {
			return nil, err
		}
		return fields{}, all.Errors[o.Group]
	}
	return fields{"unsupported": o.Op}, nil
}
