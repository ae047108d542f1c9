// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.launch;

import java.util.function.Supplier;
import org.eclipse.debug.ui.StringVariableSelectionDialog;
import org.eclipse.jface.layout.GridDataFactory;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.jface.window.Window;
import org.eclipse.swt.SWT;
import org.eclipse.swt.widgets.Button;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.DirectoryDialog;
import org.eclipse.swt.widgets.FileDialog;
import org.eclipse.swt.widgets.Group;
import org.eclipse.swt.widgets.Text;
import org.snapback.ui.internal.Messages;

/** A text for a file or folder, in a group of its own, with buttons to browse and to insert variables. */
final class PathRow {

    private final Text text;
    private final Button browseButton;

    private PathRow(Composite parent, String label, String browse, String variables, Runnable changed) {
        Group group = new Group(parent, SWT.NONE);
        group.setText(label);
        GridLayoutFactory.swtDefaults().numColumns(3).applyTo(group);
        GridDataFactory.fillDefaults().grab(true, false).applyTo(group);
        text = new Text(group, SWT.BORDER);
        GridDataFactory.fillDefaults().grab(true, false).align(SWT.FILL, SWT.CENTER).applyTo(text);
        text.addListener(SWT.Modify, event -> changed.run());
        browseButton = button(group, browse);
        button(group, variables).addListener(SWT.Selection, event -> insertVariable());
    }

    static PathRow file(Composite parent, String label, String title, Runnable changed) {
        PathRow row = new PathRow(parent, label, Messages.browse, Messages.variables, changed);
        row.onBrowse(() -> {
            FileDialog dialog = new FileDialog(parent.getShell(), SWT.OPEN);
            dialog.setText(title);
            dialog.setFileName(row.get());
            return dialog.open();
        });
        return row;
    }

    static PathRow folder(Composite parent, String label, String title, Runnable changed) {
        PathRow row = new PathRow(parent, label, Messages.browseFolder, Messages.variablesOfFolder, changed);
        row.onBrowse(() -> {
            DirectoryDialog dialog = new DirectoryDialog(parent.getShell());
            dialog.setText(title);
            dialog.setFilterPath(row.get());
            return dialog.open();
        });
        return row;
    }

    private static Button button(Composite parent, String label) {
        Button button = new Button(parent, SWT.PUSH);
        button.setText(label);
        return button;
    }

    /** @param choice gives null when the user has chosen nothing */
    private void onBrowse(Supplier<String> choice) {
        browseButton.addListener(SWT.Selection, event -> {
            String chosen = choice.get();
            if (chosen != null) {
                text.setText(chosen);
            }
        });
    }

    private void insertVariable() {
        StringVariableSelectionDialog dialog = new StringVariableSelectionDialog(text.getShell());
        if (dialog.open() == Window.OK && dialog.getVariableExpression() != null) {
            text.insert(dialog.getVariableExpression());
        }
    }

    String get() {
        return text.getText().trim();
    }

    void set(String value) {
        text.setText(value);
    }

    void focus() {
        text.setFocus();
    }
}
