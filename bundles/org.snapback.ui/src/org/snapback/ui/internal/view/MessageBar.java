// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import org.eclipse.core.runtime.IStatus;
import org.eclipse.jface.dialogs.Dialog;
import org.eclipse.jface.layout.GridDataFactory;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.jface.resource.JFaceResources;
import org.eclipse.swt.SWT;
import org.eclipse.swt.graphics.Image;
import org.eclipse.swt.layout.GridData;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Label;
import org.eclipse.swt.widgets.Text;
import org.eclipse.swt.widgets.ToolBar;
import org.eclipse.swt.widgets.ToolItem;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;

/** A strip above the table that says what went wrong, or what is good to know; gone when there is nothing to say. */
final class MessageBar {

    private final Composite bar;
    private final Label icon;
    private final Text text;

    /** @param parent has a grid of one column */
    MessageBar(Composite parent) {
        bar = new Composite(parent, SWT.NONE);
        GridLayoutFactory.fillDefaults().numColumns(3).margins(4, 2).applyTo(bar);
        GridDataFactory.fillDefaults().grab(true, false).applyTo(bar);
        icon = new Label(bar, SWT.NONE);
        GridDataFactory.swtDefaults().align(SWT.BEGINNING, SWT.BEGINNING).applyTo(icon);
        text = new Text(bar, SWT.READ_ONLY | SWT.WRAP | SWT.MULTI);
        GridDataFactory.fillDefaults().grab(true, false).hint(200, SWT.DEFAULT).applyTo(text);
        text.getAccessible().addAccessibleListener(new Named(Messages.messageName));
        ToolItem close = new ToolItem(new ToolBar(bar, SWT.FLAT), SWT.PUSH);
        close.setImage(Images.DELETE.image());
        close.setToolTipText(Messages.messageClose);
        close.addListener(SWT.Selection, event -> show(null));
        setVisible(false);
    }

    /** @param status null: nothing any more */
    void show(IStatus status) {
        if (bar.isDisposed()) {
            return;
        }
        if (status != null) {
            icon.setImage(image(status));
            text.setText(status.getMessage());
        } else {
            text.setText("");
        }
        setVisible(status != null);
    }

    private static Image image(IStatus status) {
        return JFaceResources.getImage(
                switch (status.getSeverity()) {
                    case IStatus.ERROR -> Dialog.DLG_IMG_MESSAGE_ERROR;
                    case IStatus.WARNING -> Dialog.DLG_IMG_MESSAGE_WARNING;
                    default -> Dialog.DLG_IMG_MESSAGE_INFO;
                });
    }

    private void setVisible(boolean visible) {
        bar.setVisible(visible);
        ((GridData) bar.getLayoutData()).exclude = !visible;
        bar.getParent().layout(true, true);
    }
}
