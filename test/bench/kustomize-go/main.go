// Builds the kustomization in a directory again and again with krusty, the library behind the kustomize command, and prints the
// milliseconds that each build took.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	root := os.Args[1]
	rounds, err := strconv.Atoi(os.Args[2])
	check(err)
	fs := filesys.MakeFsOnDisk()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy
	for i := 0; i < rounds; i++ {
		start := time.Now()
		built, err := krusty.MakeKustomizer(options).Run(fs, filepath.Join(root, "overlay"))
		check(err)
		_, err = built.AsYaml()
		check(err)
		fmt.Println(float64(time.Since(start).Microseconds()) / 1000)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
