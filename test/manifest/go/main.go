// What Go's YAML libraries make of a value or a text: one JSON request a line, one JSON answer a line.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"
)

type request struct {
	// "write", "kubectl" or "kustomize".
	Op    string          `json:"op"`
	Text  string          `json:"text"`
	Value json.RawMessage `json:"value"`
}

type answer struct {
	// YAML for "write", JSON otherwise.
	Output string `json:"output"`
	Error  string `json:"error,omitempty"`
}

func run(r request) (output string, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v", problem)
		}
	}()
	var result []byte
	switch r.Op {
	case "write":
		decoder := json.NewDecoder(bytes.NewReader(r.Value))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return "", err
		}
		result, err = yaml.Marshal(value)
	case "kubectl":
		result, err = yaml.YAMLToJSON([]byte(r.Text))
	case "kustomize":
		var node *kyaml.RNode
		if node, err = kyaml.Parse(r.Text); err == nil {
			result, err = node.MarshalJSON()
		}
	default:
		err = fmt.Errorf("unknown operation %q", r.Op)
	}
	return string(result), err
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		var a answer
		if err := json.Unmarshal(line, &r); err != nil {
			a.Error = err.Error()
		} else if a.Output, err = run(r); err != nil {
			a.Error = err.Error()
		}
		text, _ := json.Marshal(a)
		out.Write(append(text, '\n'))
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
}
