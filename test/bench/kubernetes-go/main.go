// Holds the ConfigMaps of a namespace in an informer of client-go, as controllers do, and prints the megabytes of heap that it
// takes after a collection: first typed objects, then unstructured ones, which tools for any kind hold.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const selector = "trueup.dev/application"

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	namespace := os.Args[2]

	typed, err := kubernetes.NewForConfig(config)
	check(err)
	measure("typed", func() cache.SharedIndexInformer {
		factory := informers.NewSharedInformerFactoryWithOptions(typed, 0, informers.WithNamespace(namespace),
			informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = selector }))
		return factory.Core().V1().ConfigMaps().Informer()
	})

	unstructured, err := dynamic.NewForConfig(config)
	check(err)
	measure("unstructured", func() cache.SharedIndexInformer {
		factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(unstructured, 0, namespace,
			func(options *metav1.ListOptions) { options.LabelSelector = selector })
		return factory.ForResource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Informer()
	})
}

// Prints a line: what it is, how many objects, megabytes.
func measure(what string, make func() cache.SharedIndexInformer) {
	before := heap()
	informer := make()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		check(fmt.Errorf("%s: not synced", what))
	}
	after := heap()
	fmt.Println(what, len(informer.GetStore().ListKeys()), float64(after-before)/(1<<20))
	runtime.KeepAlive(informer)
}

func heap() int64 {
	debug.FreeOSMemory()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
